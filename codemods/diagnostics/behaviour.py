"""TFM4xx: what computes something else, or in another order, though the program reads the same."""

from __future__ import annotations

from .rule import Rule, program

_POINTS = """
            import numpy as np
            import tensorflow as tf

            points = np.linspace(-1.0, 1.0, 64, dtype=np.float32).reshape(-1, 1)
            """
_ESTIMATOR = """

            def model_fn(features, labels, mode):
                prediction = tf.layers.dense(features["x"], 1)
                loss = tf.losses.mean_squared_error(labels, prediction)
                train_op = tf.train.AdamOptimizer(0.01).minimize(loss, tf.train.get_global_step())
                return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

            """

RULES = (
    Rule(
        code="TFM401",
        symbol="batch-norm-variance",
        title="Another estimate of the variance in batch norm",
        what=(
            "TensorFlow 1's fused batch norm folds N/(N-1) times the batch's variance into its moving variance, "
            "Keras the variance itself; N is the number of values that a channel has in a batch."
        ),
        why="The moving variance, which inference reads, is off by less than one part in N.",
        advice="Nothing, where the message's figure is small enough for you.",
        fix="safe",
        fix_note=(
            "Keras' layer is written where the difference is below a thousandth, else TensorFlow 1's own formula."
        ),
        bad=program(
            """
            import numpy as np
            import tensorflow as tf

            images = tf.placeholder(tf.float32, [None, 28, 28, 3], name="images")
            training = tf.placeholder(tf.bool, [], name="training")
            normal = tf.layers.batch_normalization(images, training=training)
            loss = tf.reduce_mean(tf.square(normal))
            with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                sess.run(train_op, feed_dict={images: np.ones([4, 28, 28, 3]), training: True})
            """
        ),
        good=program(
            """
            import numpy as np
            import tensorflow as tf

            points = tf.placeholder(tf.float32, [None, 10], name="points")
            training = tf.placeholder(tf.bool, [], name="training")
            normal = tf.layers.batch_normalization(points, training=training)
            loss = tf.reduce_mean(tf.square(normal))
            with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                sess.run(train_op, feed_dict={points: np.ones([4, 10]), training: True})
            """
        ),
    ),
    Rule(
        code="TFM402",
        symbol="racing-updates",
        title="An assignment that raced with a training step",
        what="One run trained variables and assigned to them as well, in an order that TensorFlow 1 left open.",
        why="TensorFlow 2 runs statements in their order, so one of the two orders had to be chosen.",
        advice="Put the two into the order that you meant.",
        fix="safe",
        fix_note="The assignment follows the step, as weight clipping means it; TensorFlow 1 could have run them so.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 1], name="x")
            w = tf.get_variable("w", [1, 1])
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1.0))
            train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
            clip = tf.assign(w, tf.clip_by_value(w, -0.5, 0.5))

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                sess.run([train_op, clip], feed_dict={x: [[1.0]]})
            """
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 1], name="x")
            w = tf.get_variable("w", [1, 1])
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1.0))
            train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
            clip = tf.assign(w, tf.clip_by_value(w, -0.5, 0.5))

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                sess.run(train_op, feed_dict={x: [[1.0]]})
                sess.run(clip)
            """
        ),
    ),
    Rule(
        code="TFM403",
        symbol="first-checkpoint",
        title="The first checkpoint comes after the first step",
        what=(
            "A monitored session or an Estimator saved a checkpoint before its first step; the model of the "
            "upgraded program has no variables until it is first called, so its first checkpoint comes after that"
            " step."
        ),
        why="A folder that was expected to hold `model.ckpt-0` holds a later checkpoint first.",
        advice="Nothing; or call the model on a `tf.keras.Input` before the loop, and save there.",
        fix="safe",
        fix_note="What is trained and every later checkpoint are the same.",
        bad=program(
            _POINTS
            + """
            dataset = tf.data.Dataset.from_tensor_slices((points, 3.0 * points)).repeat(3).batch(16)
            x, y = dataset.make_one_shot_iterator().get_next()
            loss = tf.losses.mean_squared_error(y, tf.layers.dense(x, 1))
            step = tf.train.get_or_create_global_step()
            train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)

            with tf.train.MonitoredTrainingSession(checkpoint_dir="model") as sess:
                while not sess.should_stop():
                    sess.run(train_op)
            """
        ),
        good=program(
            _POINTS
            + """
            dataset = tf.data.Dataset.from_tensor_slices((points, 3.0 * points)).repeat(3).batch(16)
            x, y = dataset.make_one_shot_iterator().get_next()
            w = tf.get_variable("w", [1, 1])
            loss = tf.losses.mean_squared_error(y, tf.matmul(x, w))
            step = tf.train.get_or_create_global_step()
            train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)

            with tf.train.MonitoredTrainingSession(checkpoint_dir="model") as sess:
                while not sess.should_stop():
                    sess.run(train_op)
            """
        ),
        along=frozenset({"TFM921"}),
    ),
    Rule(
        code="TFM404",
        symbol="input-shuffle",
        title="Another random order of the examples",
        what=(
            "`numpy_input_fn` with `shuffle=True` drew from a queue with threads of its own; a dataset shuffles "
            "through a buffer of the same size, and gives another random order."
        ),
        why="No order of TensorFlow 1 could be repeated, and none of them is this one.",
        advice="Nothing, unless runs must be repeated exactly: then give `shuffle` a seed.",
        fix="safe",
        fix_note="Every epoch draws each example once, as before.",
        bad=program(
            _POINTS
            + _ESTIMATOR
            + """
            input_fn = tf.estimator.inputs.numpy_input_fn({"x": points}, 3.0 * points, num_epochs=None, shuffle=True)
            estimator = tf.estimator.Estimator(model_fn)
            estimator.train(input_fn, steps=100)
            """
        ),
        good=program(
            _POINTS
            + _ESTIMATOR
            + """
            input_fn = tf.estimator.inputs.numpy_input_fn({"x": points}, 3.0 * points, num_epochs=None, shuffle=False)
            estimator = tf.estimator.Estimator(model_fn)
            estimator.train(input_fn, steps=100)
            """
        ),
        along=frozenset({"TFM403", "TFM921"}),
    ),
    Rule(
        code="TFM410",
        symbol="queue-order",
        title="The random order of an input queue",
        what="A queue gave its elements in a random order (`string_input_producer`, `slice_input_producer`, `shuffle_batch`).",
        why="The dataset shuffles through a buffer of the same size, and gives another random order.",
        advice="Nothing, unless runs must be repeated exactly: then give `shuffle` a seed.",
        fix="safe",
        fix_note="The pipeline becomes a dataset that is shuffled where the queue was.",
        bad=program(
            """
            import tensorflow as tf

            filenames = ["one.txt", "two.txt"]
            queue = tf.train.string_input_producer(filenames)
            _, line = tf.TextLineReader().read(queue)
            batch = tf.train.batch([line], 8)

            with tf.Session() as sess:
                coord = tf.train.Coordinator()
                threads = tf.train.start_queue_runners(sess=sess, coord=coord)
                print(sess.run(batch))
                coord.request_stop()
                coord.join(threads)
            """
        ),
        good=program(
            """
            import tensorflow as tf

            filenames = ["one.txt", "two.txt"]
            queue = tf.train.string_input_producer(filenames, shuffle=False)
            _, line = tf.TextLineReader().read(queue)
            batch = tf.train.batch([line], 8)

            with tf.Session() as sess:
                coord = tf.train.Coordinator()
                threads = tf.train.start_queue_runners(sess=sess, coord=coord)
                print(sess.run(batch))
                coord.request_stop()
                coord.join(threads)
            """
        ),
    ),
    Rule(
        code="TFM411",
        symbol="shuffle-order",
        title="The order of a seeded shuffle",
        what="A dataset is shuffled with a seed, and then repeated, or its iterator is initialized several times.",
        why=(
            "TensorFlow 1 shuffled each epoch in another order than TensorFlow 2 does with the same seed, and began again with "
            "the first one after each initialization of the iterator."
        ),
        advice="Nothing, unless each initialization must begin with the same order: then make the dataset anew each time.",
        fix="unsafe",
        fix_note="The dataset stays as it is, and its program goes native.",
        bad=program(
            """
            import tensorflow as tf

            dataset = tf.data.Dataset.range(8).shuffle(8, seed=1).repeat(2)
            number = dataset.make_one_shot_iterator().get_next()

            with tf.Session() as sess:
                print(sess.run(number))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import tensorflow as tf

            dataset = tf.data.Dataset.range(8).repeat(2).shuffle(8, seed=1)
            number = dataset.make_one_shot_iterator().get_next()

            with tf.Session() as sess:
                print(sess.run(number))
            """,
            "--unsafe-fixes",
        ),
    ),
)
