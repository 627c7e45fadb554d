"""TFM1xx: names and arguments that are gone, and that nothing surely replaces."""

from __future__ import annotations

from .rule import Rule, program

RULES = (
    Rule(
        code="TFM102",
        symbol="contrib-left",
        title="A name of tf.contrib without a successor",
        what=(
            "A name of `tf.contrib` that no package took over in a form that surely means the same; it is left as"
            " it was."
        ),
        why="TensorFlow 2 has no `tf.contrib`: where the name is reached, the program ends in an AttributeError.",
        advice="The message names the nearest successor where there is one; else write the function yourself.",
        fix="none",
        fix_note="There is nothing to write that means the same.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 20, 5])


            def crf_loss(tags, lengths):
                likelihood, _ = tf.contrib.crf.crf_log_likelihood(x, tags, lengths)
                return -likelihood
            """,
            "--target=compat",
        ),
        good=program(
            """
            import tensorflow as tf

            import crf  # the project's own

            x = tf.placeholder(tf.float32, [None, 20, 5])


            def crf_loss(tags, lengths):
                return -crf.log_likelihood(x, tags, lengths)
            """,
            "--target=compat",
        ),
    ),
    Rule(
        code="TFM103",
        symbol="name-left",
        title="A name that could not be taken to this level",
        what=(
            "A name of TensorFlow 1, or a use of it, that has no form at the level the program goes to; it is "
            "left as it was."
        ),
        why="TensorFlow 2.21 has no such name, or reads these arguments otherwise.",
        advice="The message says what stands in the way: often an argument that only the run shows.",
        fix="none",
        fix_note="There is nothing to write that surely means the same.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])


            def resume(model_fn, folder):
                return tf.estimator.Estimator(model_fn, model_dir=folder)
            """,
            "--target=compat",
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])


            def resume(saver, session, folder):
                saver.restore(session, tf.train.latest_checkpoint(folder))
            """,
            "--target=compat",
        ),
    ),
    Rule(
        code="TFM104",
        symbol="examples-left",
        title="The data of tensorflow.examples",
        what="`tensorflow.examples` (the MNIST reader of the tutorials) is used; it is left as it was.",
        why="It is no part of TensorFlow 2: the import ends in a ModuleNotFoundError.",
        advice="Read the data with `tf.keras.datasets`, or keep a copy of the reader in the project.",
        fix="none",
        fix_note="Which data the program wants is its author's to say.",
        bad=program(
            """
            import tensorflow as tf
            from tensorflow.examples.tutorials.mnist import input_data

            x = tf.placeholder(tf.float32, [None, 784])


            def read(folder):
                return input_data.read_data_sets(folder, one_hot=True)
            """,
            "--target=compat",
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 784])


            def read():
                (images, labels), _ = tf.keras.datasets.mnist.load_data()
                return images.reshape(-1, 784) / 255.0, labels
            """,
            "--target=compat",
        ),
    ),
    Rule(
        code="TFM105",
        symbol="numpy-removed",
        title="A name or argument of NumPy 1",
        what=(
            "NumPy 2, which comes with TensorFlow 2.21, has not this name or argument of NumPy 1, or reads it "
            "otherwise, and no form surely means the same; it is left as it was."
        ),
        why="The upgraded program would fail in NumPy, or compute something else, where TensorFlow is not at fault.",
        advice="The message names what to use.",
        fix="none",
        fix_note="Names and arguments that have a sure form are rewritten without a finding.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                values = sess.run(2.0 * x, feed_dict={x: [1.0, 2.0]})
            print(values.tostring())
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                values = sess.run(2.0 * x, feed_dict={x: [1.0, 2.0]})
            print(values.tobytes())
            """
        ),
    ),
)
