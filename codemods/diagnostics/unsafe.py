"""TFM4xx: what --unsafe-fixes writes, though it may not mean the same."""

from __future__ import annotations

from .rule import Rule, program

RULES = (
    Rule(
        code="TFM405",
        symbol="mnist-read",
        title="MNIST from tf.keras.datasets",
        what="The program read MNIST with `tensorflow.examples` from a folder that it named; it reads Keras' own file now.",
        why=(
            "Images, labels and split are the same. Where a graph-level seed was set (`tf.set_random_seed`), the reader handed "
            "it to NumPy, and the batches came in the order of that seed; now they come in NumPy's own."
        ),
        advice="Nothing, unless the folder holds other data, or runs must be repeated exactly: then call `np.random.seed`.",
        fix="unsafe",
        fix_note="A class with `next_batch` and a function that reads are written into the module, behind its imports.",
        bad=program(
            """
            import tensorflow as tf
            from tensorflow.examples.tutorials.mnist import input_data

            mnist = input_data.read_data_sets("data", one_hot=True)
            x = tf.placeholder(tf.float32, [None, 784])
            y = tf.reduce_mean(x)

            with tf.Session() as sess:
                images, labels = mnist.train.next_batch(100)
                print(sess.run(y, feed_dict={x: images}))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import numpy as np
            import tensorflow as tf

            images = np.load("mnist.npz")["x_train"]
            x = tf.placeholder(tf.float32, [None, 784])
            y = tf.reduce_mean(x)

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: images[:100].reshape(-1, 784) / 255.0}))
            """,
            "--unsafe-fixes",
        ),
    ),
    Rule(
        code="TFM406",
        symbol="resize-half-pixels",
        title="Images that are sampled at the centres of pixels",
        what=(
            "`tf.image.resize_images` and `resize_image_with_pad` sampled pixels at their corners, `tf.image.resize` and "
            "`resize_with_pad` do so at their centres."
        ),
        why="A network that was trained on images of the one kind is given those of the other: .16 to .96 off.",
        advice="Compare what the network gives for real images; or train it again on images of the new kind.",
        fix="unsafe",
        fix_note="Where the old op can be named (a batch, and a method that is written out) it is, without a finding.",
        bad=program(
            """
            import tensorflow as tf

            images = tf.placeholder(tf.float32, [None, 32, 32, 3])
            small = tf.image.resize_image_with_pad(images, 8, 8)


            def shrink(batch):
                with tf.Session() as sess:
                    return sess.run(small, feed_dict={images: batch})


            print(shrink([[[[0.0] * 3] * 32] * 32]))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import tensorflow as tf

            images = tf.placeholder(tf.float32, [None, 32, 32, 3])
            small = tf.image.resize_bilinear(images, [8, 8])


            def shrink(batch):
                with tf.Session() as sess:
                    return sess.run(small, feed_dict={images: batch})


            print(shrink([[[[0.0] * 3] * 32] * 32]))
            """,
            "--unsafe-fixes",
        ),
    ),
    Rule(
        code="TFM407",
        symbol="assumed-floats",
        title="A division that may be one of integers",
        what="`tf.div` floored integers and divided floats; nothing shows which these are. `tf.divide` divides both.",
        why="If they are integers, 7 / 2 is 3.5 where it was 3.",
        advice="Write `/` or `//`, whichever is meant.",
        fix="unsafe",
        fix_note="Where the dtype of an operand is known, the division that it means is written without a finding.",
        bad=program(
            """
            import sys

            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            y = tf.div(tf.cast(x, sys.argv[1]), 2)

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: 3.0}))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import sys

            import tensorflow as tf

            x = tf.placeholder(tf.float32, [])
            y = tf.cast(x, sys.argv[1]) / 2

            with tf.Session() as sess:
                print(sess.run(y, feed_dict={x: 3.0}))
            """,
            "--unsafe-fixes",
        ),
    ),
    Rule(
        code="TFM408",
        symbol="initializer-scale",
        title="An initializer that is nearly the same",
        what=(
            "`uniform_unit_scaling_initializer` took all dimensions but the last for the inputs of a weight; Keras' "
            "VarianceScaling does so for two dimensions or more, and takes the one dimension of a vector for its inputs."
        ),
        why="Where it makes a vector, a training from scratch begins at smaller numbers.",
        advice="Nothing, where it makes matrices and kernels.",
        fix="unsafe",
        fix_note="Weights that are read from a checkpoint are the same.",
        bad=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 2])
            y = tf.layers.dense(x, 1, kernel_initializer=tf.uniform_unit_scaling_initializer())

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                print(sess.run(y, feed_dict={x: [[1.0, 2.0]]}))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import tensorflow as tf

            x = tf.placeholder(tf.float32, [None, 2])
            y = tf.layers.dense(x, 1, kernel_initializer=tf.glorot_uniform_initializer())

            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                print(sess.run(y, feed_dict={x: [[1.0, 2.0]]}))
            """,
            "--unsafe-fixes",
        ),
    ),
    Rule(
        code="TFM409",
        symbol="unchecked-meaning",
        title="A name that nobody compared",
        what="TensorFlow 2 has a name that takes these arguments, and nothing says that it means the same.",
        why="What changed in between may change what the program computes.",
        advice="Run both, and compare: `tf-modernize verify` does.",
        fix="unsafe",
        fix_note="The name is written as TensorFlow 2 has it.",
        bad=program(
            """
            import tensorflow as tf

            boxes = tf.placeholder(tf.float32, [1, 1, 4])
            begin = tf.image.sample_distorted_bounding_box([8, 8, 3], boxes)[0]

            with tf.Session() as sess:
                print(sess.run(begin, feed_dict={boxes: [[[0.0, 0.0, 1.0, 1.0]]]}))
            """,
            "--unsafe-fixes",
        ),
        good=program(
            """
            import tensorflow as tf

            boxes = tf.placeholder(tf.float32, [1, 1, 4])
            size = boxes[0, 0, 2:] - boxes[0, 0, :2]

            with tf.Session() as sess:
                print(sess.run(size, feed_dict={boxes: [[[0.0, 0.0, 1.0, 1.0]]]}))
            """,
            "--unsafe-fixes",
        ),
    ),
)
