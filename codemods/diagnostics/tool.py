"""TFM9xx: what the tool could not read, and what it left and why."""

from __future__ import annotations

from .rule import Rule, program

RULES = (
    Rule(
        code="TFM901",
        symbol="unparsable-source",
        title="Source that is no Python 3",
        what=(
            "The file is no Python 3, is in another encoding than it declares, holds NUL bytes, is nested too deeply, or is "
            "larger than any code; it stays as it is."
        ),
        why="What can't be read can't be upgraded, nor can what depends on it.",
        advice="Mend the line that is named, or the encoding, and run again.",
        fix="none",
        fix_note="The other files are done all the same, and the run ends with exit code 2.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None]
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            """
        ),
    ),
    Rule(
        code="TFM902",
        symbol="python2-source",
        title="Python 2",
        what=(
            "The file is Python 2: it can't be parsed, or Python 3 would read a statement otherwise "
            '(`print ("loss"), x`, `print >>log, x`, `except E, e:`); it stays as it is.'
        ),
        why="TensorFlow 2.21 runs on Python 3.10 and later.",
        advice="Convert it to Python 3 first (`2to3`, `modernize`).",
        fix="none",
        fix_note="The other files are done all the same, and the run ends with exit code 2.",
        bad=program(
            """
            import tensorflow as tf

            print "TensorFlow", tf.__version__
            """
        ),
        good=program(
            """
            import tensorflow as tf

            print("TensorFlow", tf.__version__)
            """
        ),
    ),
    Rule(
        code="TFM903",
        symbol="unresolvable-name",
        title="A name that only the run knows",
        what=(
            "An expression means a TensorFlow name that only the run knows (`getattr(tf, name)`), or a name is "
            "bound to TensorFlow and to something else besides."
        ),
        why="Whether that name still exists, and means the same, can't be told from the source.",
        advice="Write the name out, or give the two things different names.",
        fix="none",
        fix_note="The expression stays; names around it are rewritten.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])


            def activation(name):
                return getattr(tf.nn, name)
            """,
            "--target=compat",
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])


            def activation(name):
                return {"relu": tf.nn.relu, "tanh": tf.nn.tanh}[name]
            """,
            "--target=compat",
        ),
    ),
    Rule(
        code="TFM904",
        symbol="undecided-dialect",
        title="Nothing tells TensorFlow 1 from 2",
        what=(
            "Nothing in a program tells TensorFlow 1 from 2, and it uses names that mean something else in each, "
            "or build graphs; it was taken for TensorFlow 2."
        ),
        why="If it was written for TensorFlow 1, it computes something else on TensorFlow 2, without an error.",
        advice="Run again with `--assume tf1` if it was written for TensorFlow 1.",
        fix="none",
        fix_note="The program stays byte for byte as it is.",
        bad=program(
            """
            import tensorflow as tf


            def drop(x):
                return tf.nn.dropout(x, 0.8)
            """
        ),
        good=program(
            """
            import tensorflow as tf


            def drop(x):
                return tf.nn.dropout(x, 0.8)
            """,
            "--assume=tf1",
        ),
    ),
    Rule(
        code="TFM905",
        symbol="partial-program",
        title="A part of a program",
        what=(
            "A file imports another that uses TensorFlow, but that is not part of the run: it was not named, could not be "
            "read, or is excluded."
        ),
        why="What the other file does to the graph is unknown, so this one stays in graph mode.",
        advice="Name both, or their folder.",
        fix="none",
        fix_note="Files of one program are upgraded together, or stay in graph mode.",
        bad=program(
            """
            import tensorflow as tf

            from network import predict

            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                print(sess.run(predict(x), feed_dict={x: [1.0, 2.0]}))
            """,
            network="""
            import tensorflow as tf


            def predict(x):
                return tf.square(x)
            """,
        ),
        good=program(
            """
            import tensorflow as tf

            from network import predict

            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                print(sess.run(predict(x), feed_dict={x: [1.0, 2.0]}))
            """,
            "network.py",
            network="""
            import tensorflow as tf


            def predict(x):
                return tf.square(x)
            """,
        ),
    ),
    Rule(
        code="TFM906",
        symbol="tf1-in-tf2",
        title="TensorFlow 1 in a program of TensorFlow 2",
        what=(
            "A file holds names that TensorFlow 2.21 has not, in a program that as a whole is TensorFlow 2; it "
            "was left alone."
        ),
        why="Where such a name is reached, the program ends in an AttributeError.",
        advice="Rename them there; `--assume tf1` if the program was written for TensorFlow 1 after all.",
        fix="none",
        fix_note="The program stays byte for byte as it is.",
        bad=program(
            """
            import tensorflow as tf

            dataset = tf.data.Dataset.range(3)


            @tf.function
            def slope(x):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = 2.0 * tf.to_float(x)
                return tape.gradient(y, x)
            """
        ),
        good=program(
            """
            import tensorflow as tf

            dataset = tf.data.Dataset.range(3)


            @tf.function
            def slope(x):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = 2.0 * tf.cast(x, tf.float32)
                return tape.gradient(y, x)
            """
        ),
    ),
    Rule(
        code="TFM907",
        symbol="program-left",
        title="A program that stays as it is",
        what=(
            "The program can't run on TensorFlow 2.21, since it reaches a name that neither compat.v1 nor another"
            " package has; it stays as it is, whole."
        ),
        why="It still runs on TensorFlow 1 as it is, and would run on neither if a part of it were rewritten.",
        advice="Replace that name, then run again.",
        fix="none",
        fix_note="No file of the program is written.",
        bad=program(
            """
            import tensorflow as tf

            w = tf.get_variable("w", [20, 5])
            train_op = tf.contrib.opt.LazyAdamOptimizer(0.1).minimize(tf.nn.l2_loss(w))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            w = tf.get_variable("w", [20, 5])
            train_op = tf.train.AdamOptimizer(0.1).minimize(tf.nn.l2_loss(w))
            """
        ),
        along=frozenset({"TFM102", "TFM910"}),
    ),
    Rule(
        code="TFM908",
        symbol="python2-name",
        title="A name of Python 2",
        what=(
            "A builtin function that only Python 2 has (`xrange`, `unicode`, `raw_input`), which nothing in the file binds "
            "or asks for first."
        ),
        why="Where it is reached, the program ends in a NameError on Python 3.",
        advice="Write what the message names.",
        fix="none",
        fix_note="The name stays; the rest of the file is upgraded.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            y = tf.square(x)

            with tf.Session() as sess:
                for i in xrange(3):
                    print(sess.run(y, feed_dict={x: i}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            y = tf.square(x)

            with tf.Session() as sess:
                for i in range(3):
                    print(sess.run(y, feed_dict={x: i}))
            """
        ),
    ),
    Rule(
        code="TFM909",
        symbol="internal-error",
        title="A fault of the tool",
        what="A stage failed on this program; it stays as it is, or went to the compat level.",
        why="The fault is the tool's: what it would have done is not known.",
        advice="Report it, with the line that the message ends in.",
        fix="none",
        fix_note="The other programs are done all the same, and the run ends with exit code 2.",
    ),
    Rule(
        code="TFM910",
        symbol="unit-left",
        title="Why a program did not go native",
        what=(
            "Something that can't be decided, or has no native form, kept the program in graph mode; it went to "
            "the compat level, whole."
        ),
        why="Graph mode is global to a process, so a program can't be native in parts.",
        advice=(
            "Often a small change of the place that is named is enough: fetch known tensors, feed a dict that is "
            "written out, build the graph once."
        ),
        fix="none",
        fix_note="The whole program goes to `tensorflow.compat.v1`, where it runs as before.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x, name="y")

            with tf.Session() as sess:
                print(sess.run(input(), feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x, name="y")

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM930",
        symbol="unused-ignore",
        title="A comment that ignores nothing",
        what="A `# tf-modernize:` comment is not understood, or there is nothing at its statement that it could ignore.",
        why="Whoever reads it believes that something is accepted here; and a comment that is misspelt does nothing.",
        advice="Mend it, or delete it.",
        fix="none",
        fix_note="Comments are the author's.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)  # tf-modernize: ignore[TFM402]

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)
            print("y is", y)  # tf-modernize: ignore[TFM912]

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM931",
        symbol="held-statement",
        title="A statement that must stay as it is",
        what=(
            "`# tf-modernize: ignore` has a statement stay as it is, and the level that the program would have gone to "
            "changes it."
        ),
        why="A program is at one level as a whole, so this one stays below that level.",
        advice="Delete the comment, or accept the level: `ignore[TFM931]` has this finding ignored, too.",
        fix="none",
        fix_note="The program goes to the next lower level that leaves the statement alone.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.log(x)  # tf-modernize: ignore

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)  # tf-modernize: ignore

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM932",
        symbol="skipped-file",
        title="A file that is skipped",
        what="`# tf-modernize: skip-file` has a file stay as it is. It is only in the report, with what is ignored.",
        why="What is TensorFlow 1 in it stays so, and other files of its program stay in graph mode.",
        advice="Delete the comment when the file is to be upgraded.",
        fix="none",
        fix_note="Nothing is written to the file.",
        bad=program(
            """
            # tf-modernize: skip-file
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            """
        ),
    ),
)
