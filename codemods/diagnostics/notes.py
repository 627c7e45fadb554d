"""TFM9xx: what else a person should know of an upgraded program: what is gone, called otherwise, or no longer told."""

from __future__ import annotations

from .rule import Rule, notebook, program

RULES = (
    Rule(
        code="TFM911",
        symbol="summary-graph",
        title="The graph for TensorBoard",
        what="A summary writer was given the graph, of which there is none any more; the call is gone.",
        why="TensorBoard shows no graph of the upgraded program.",
        advice="`tf.summary.trace_on` and `trace_export` show a function's graph.",
        fix="safe",
        fix_note="Nothing that the program computes changes.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            double = tf.summary.scalar("double", 2.0 * x)
            writer = tf.summary.FileWriter("logs")

            with tf.Session() as sess:
                writer.add_graph(sess.graph)
                summary = sess.run(double, feed_dict={x: 1.0})
                writer.add_summary(summary, 0)
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            double = tf.summary.scalar("double", 2.0 * x)
            writer = tf.summary.FileWriter("logs")

            with tf.Session() as sess:
                summary = sess.run(double, feed_dict={x: 1.0})
                writer.add_summary(summary, 0)
            """
        ),
    ),
    Rule(
        code="TFM912",
        symbol="symbolic-host-code",
        title="A print or an assertion about a symbolic tensor",
        what="A print or an assertion of a symbolic tensor was dropped: there is none any more.",
        why="It told about the graph (a name, a static shape), never about a value.",
        advice="Print within the function (`tf.print`), or the value that it returns.",
        fix="safe",
        fix_note="Nothing that the program computes changes.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)
            print("y is", y)

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)

            with tf.Session() as sess:
                print("y is", sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM913",
        symbol="unused-feed",
        title="A feed that nothing needs",
        what=(
            "Nothing needs a fed value any more, but computing it may have effects (random numbers drawn): it is "
            "a statement of its own."
        ),
        why="Without it, later random numbers would be others.",
        advice="Delete it if it has no effects that you need.",
        fix="safe",
        fix_note="The value is computed as before, and dropped.",
        bad=program(
            """
            import numpy as np
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            noise = tf.placeholder(tf.float32, [None])
            y = tf.square(x)

            with tf.Session() as sess:
                squares = sess.run(y, feed_dict={x: [1.0, 2.0], noise: np.random.normal(size=2)})
            print(squares)
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)

            with tf.Session() as sess:
                squares = sess.run(y, feed_dict={x: [1.0, 2.0]})
            print(squares)
            """
        ),
    ),
    Rule(
        code="TFM914",
        symbol="decided-condition",
        title="A condition that is decided",
        what=(
            "A condition around something that is made once (a variable, an optimizer) is decided by the "
            "program's own arguments, or asks TensorFlow for a name that both versions have, or lack: the branch "
            "that runs is kept, the other goes."
        ),
        why="What is made once can't depend on a condition any more.",
        advice="Take the condition up again where the code is to be used otherwise, too.",
        fix="safe",
        fix_note="The program takes the same branch as before.",
        bad=program(
            """
            import tensorflow as tf

            if hasattr(tf, "concat_v2"):
                concat = tf.concat_v2
            else:
                concat = tf.concat
            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                print(sess.run(concat([x, x], 0), feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])

            with tf.Session() as sess:
                print(sess.run(tf.concat([x, x], 0), feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM919",
        symbol="changed-interface",
        title="A function that is called otherwise now",
        what=(
            "A function of a module that others import is called otherwise now, or is a class; every call in the "
            "files that were read is changed."
        ),
        why="Calls that were not read still use the old form.",
        advice="Look for calls of it in other repositories and in notebooks.",
        fix="safe",
        fix_note="The program calls it in the new form throughout.",
        bad=program(
            """
            import tensorflow as tf

            from network import predict

            x = tf.placeholder(tf.float32, [None, 1])
            y = predict(x)

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                print(sess.run(y, feed_dict={x: [[1.0]]}))
            """,
            "network.py",
            network="""
            import tensorflow as tf


            def predict(x):
                return tf.layers.dense(x, 1)
            """,
        ),
        good=program(
            """
            import tensorflow as tf


            def predict(x):
                return tf.layers.dense(x, 1)


            x = tf.placeholder(tf.float32, [None, 1])
            y = predict(x)

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                print(sess.run(y, feed_dict={x: [[1.0]]}))
            """
        ),
    ),
    Rule(
        code="TFM921",
        symbol="session-reports",
        title="What sessions told beside their work",
        what=(
            "A monitored session, its hooks or an Estimator told things beside their work (steps per second, "
            "seconds between log lines, a graph for TensorBoard), which is no longer told."
        ),
        why="Whoever reads these logs misses them.",
        advice="Take the time in the loop, where it matters.",
        fix="safe",
        fix_note="Nothing that the program computes changes.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 1])
            w = tf.get_variable("w", [1, 1])
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1.0))
            step = tf.train.get_or_create_global_step()
            train_op = tf.train.AdamOptimizer(0.01).minimize(loss, global_step=step)

            with tf.train.MonitoredTrainingSession(checkpoint_dir="model") as sess:
                for _ in range(100):
                    sess.run(train_op, feed_dict={x: [[1.0]]})
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 1])
            w = tf.get_variable("w", [1, 1])
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1.0))
            step = tf.train.get_or_create_global_step()
            train_op = tf.train.AdamOptimizer(0.01).minimize(loss, global_step=step)

            with tf.train.MonitoredTrainingSession() as sess:
                for _ in range(100):
                    sess.run(train_op, feed_dict={x: [[1.0]]})
            """
        ),
    ),
    Rule(
        code="TFM922",
        symbol="unused-mode",
        title="Code for a mode that the program never runs",
        what=(
            "A model function of an Estimator held code for a mode that the program never runs; it is gone with "
            "the function."
        ),
        why="Another program that imports the model function may want that mode.",
        advice="Write the mode's function beside the others, where another program wants it.",
        fix="safe",
        fix_note="The modes that the program runs are functions of their own.",
        bad=program(
            """
            import tensorflow as tf


            def model_fn(features, labels, mode):
                prediction = tf.layers.dense(features, 1)
                if mode == tf.estimator.ModeKeys.PREDICT:
                    return tf.estimator.EstimatorSpec(mode, predictions=prediction)
                loss = tf.losses.mean_squared_error(labels, prediction)
                train_op = tf.train.AdamOptimizer(0.01).minimize(loss, tf.train.get_global_step())
                return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


            def input_fn():
                return tf.data.Dataset.from_tensor_slices(([[1.0], [2.0]], [[3.0], [6.0]])).repeat().batch(2)


            estimator = tf.estimator.Estimator(model_fn)
            estimator.train(input_fn, steps=100)
            """
        ),
        good=program(
            """
            import tensorflow as tf


            def model_fn(features, labels, mode):
                prediction = tf.layers.dense(features, 1)
                loss = tf.losses.mean_squared_error(labels, prediction)
                train_op = tf.train.AdamOptimizer(0.01).minimize(loss, tf.train.get_global_step())
                return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


            def input_fn():
                return tf.data.Dataset.from_tensor_slices(([[1.0], [2.0]], [[3.0], [6.0]])).repeat().batch(2)


            estimator = tf.estimator.Estimator(model_fn)
            estimator.train(input_fn, steps=100)
            """
        ),
        along=frozenset({"TFM403", "TFM921"}),
    ),
    Rule(
        code="TFM923",
        symbol="device-left-open",
        title="A device that was chosen by hand",
        what=(
            "`tf.device` chose a device by hand; the functions that compute it now leave that to TensorFlow, which takes the "
            "first GPU where there is one."
        ),
        why="On a machine with several devices, another one may do the work.",
        advice="Put `with tf.device(...)` into the function, or around its call, where the placement matters.",
        fix="safe",
        fix_note="What is computed is the same on every device.",
        bad=program(
            """
            import tensorflow as tf

            with tf.device("/cpu:0"):
                x = tf.placeholder(tf.float32, [None])
                y = tf.square(x)

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None])
            y = tf.square(x)

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: [1.0, 2.0]}))
            """
        ),
    ),
    Rule(
        code="TFM924",
        symbol="decided-feed",
        title="A switch that every call sets alike",
        what=(
            "A bool placeholder was fed a name (`training`) that means the same wherever the program runs it; the function"
            " computes for that value, and the name is not asked any more."
        ),
        why="Python decides it now, not the graph: a call with the other value, from elsewhere, would change nothing.",
        advice="Where the other value is wanted too, feed it somewhere in the old program, and upgrade again.",
        fix="safe",
        fix_note="What this program computes is the same.",
        bad=program(
            """
            import numpy as np
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 4])
            training = tf.placeholder(tf.bool)
            y = tf.layers.dropout(x, 0.5, training=training)


            def predict(sess, values, dropping=False):
                return sess.run(y, feed_dict={x: values, training: dropping})


            with tf.Session() as sess:
                print(predict(sess, np.ones([2, 4])))
            """
        ),
        good=program(
            """
            import numpy as np
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 4])
            training = tf.placeholder(tf.bool)
            y = tf.layers.dropout(x, 0.5, training=training)


            def predict(sess, values):
                return sess.run(y, feed_dict={x: values, training: False})


            with tf.Session() as sess:
                print(predict(sess, np.ones([2, 4])))
            """
        ),
    ),
    Rule(
        code="TFM929",
        symbol="notebook-left",
        title="TensorFlow 1 in what is no Python of a notebook",
        what=(
            "A line of IPython asks for TensorFlow 1 (`%tensorflow_version 1.x`, `!pip install tensorflow==1.15`) or holds "
            "code that uses it, or a cell is another file's (`%%writefile`) that does; it stays as it is."
        ),
        why="The notebook's own code is TensorFlow 2 now, or needs 2.21.",
        advice="Ask for TensorFlow 2.21 there; take what `%%writefile` writes out of the notebook, and upgrade it as a file.",
        fix="none",
        fix_note="The notebook's own code is upgraded all the same.",
        bad=notebook(
            """
            %tensorflow_version 1.x
            import tensorflow as tf
            """,
            """
            x = tf.placeholder(tf.float32, [None])
            with tf.Session() as sess:
                print(sess.run(tf.square(x), feed_dict={x: [1.0, 2.0]}))
            """,
        ),
        good=notebook(
            """
            %matplotlib inline
            import tensorflow as tf
            """,
            """
            x = tf.placeholder(tf.float32, [None])
            with tf.Session() as sess:
                print(sess.run(tf.square(x), feed_dict={x: [1.0, 2.0]}))
            """,
        ),
    ),
)
