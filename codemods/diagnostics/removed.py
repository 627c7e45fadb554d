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

            w = tf.get_variable("w", [20, 5])


            def train_op(rate):
                return tf.contrib.opt.LazyAdamOptimizer(rate).minimize(tf.nn.l2_loss(w))
            """,
            "--target=compat",
        ),
        good=program(
            """
            import tensorflow as tf

            w = tf.get_variable("w", [20, 5])


            def train_op(rate):
                return tf.train.AdamOptimizer(rate).minimize(tf.nn.l2_loss(w))
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
        fix="unsafe",
        fix_note=(
            "The same arrays from `tf.keras.datasets.mnist`, split and handed out in batches as the reader did it. They come "
            "from Keras' own file and not from the folder that the program names, where there may be other data in its format."
        ),
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
    Rule(
        code="TFM106",
        symbol="contrib-written-out",
        title="A part of tf.contrib that is written into the program",
        what=(
            "No package took over this part of `tf.contrib`, but it is small: what it does is written into the file, behind"
            " its imports."
        ),
        why="TensorFlow 2 has no `tf.contrib`; the program needs the function or class all the same.",
        advice="Nothing; move it into a module of its own where several files have it.",
        fix="safe",
        fix_note="What is written computes the same, with the same names of variables.",
        bad=program(
            """
            import numpy as np
            import tensorflow as tf

            scores = tf.placeholder(tf.float32, [5, 3])
            doubled = 2.0 * scores

            with tf.Session() as sess:
                matrix = sess.run(doubled, feed_dict={scores: np.ones([5, 3])})
            tags, best = tf.contrib.crf.viterbi_decode(matrix, np.zeros([3, 3]))
            """
        ),
        good=program(
            """
            import numpy as np
            import tensorflow as tf

            scores = tf.placeholder(tf.float32, [5, 3])
            doubled = 2.0 * scores

            with tf.Session() as sess:
                matrix = sess.run(doubled, feed_dict={scores: np.ones([5, 3])})
            tags = np.argmax(matrix, 1)
            """
        ),
    ),
)
