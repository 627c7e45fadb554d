"""Makes the models that fixtures/programs read from files: a frozen graph, a SavedModel, a .meta with its checkpoint.

    PATH/python scripts/record_models.py [FOLDER]

PATH/python is a CPython 3.7 with tensorflow==1.15.5, as scripts/record_fixtures.py takes it. FOLDER is fixtures/programs where
none is given. Run scripts/record_fixtures.py after it: other models give other outputs.
"""

import os
import shutil
import sys

import numpy as np
import tensorflow as tf

PROGRAMS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "programs")


def frozen(path):
    """A recurrent network over sequences of known lengths: its graph holds a loop of TensorFlow 1."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        sequences = tf.placeholder(tf.float32, [None, 6, 3], name="sequences")
        lengths = tf.placeholder(tf.int32, [None], name="lengths")
        with tf.variable_scope("reader"):
            cell = tf.nn.rnn_cell.GRUCell(4)
            _, state = tf.nn.dynamic_rnn(cell, sequences, sequence_length=lengths, dtype=tf.float32)
        logits = tf.layers.dense(state, 3, name="classes")
        tf.nn.softmax(logits, name="probabilities")
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            names = ["probabilities", "classes/BiasAdd"]
            found = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), names)
    with open(path, "wb") as file:
        file.write(found.SerializeToString())


def saved_model(folder):
    """A network with an embedding and dropout, saved for serving."""
    with tf.Graph().as_default():
        tf.set_random_seed(2)
        words = tf.placeholder(tf.int64, [None, 5], name="words")
        keep = tf.placeholder_with_default(1.0, [], name="keep_prob")
        table = tf.get_variable("table", [11, 4])
        mean = tf.reduce_mean(tf.nn.embedding_lookup(table, words), 1)
        scores = tf.layers.dense(tf.nn.dropout(mean, keep_prob=keep), 2, name="scores")
        best = tf.argmax(scores, 1, name="best")
        shutil.rmtree(folder, ignore_errors=True)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            tf.saved_model.simple_save(session, folder, {"words": words}, {"scores": scores, "best": best})


def meta_graph(prefix):
    """A network with batch norm that is still in training: its graph holds gradients and an optimizer."""
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        images = tf.placeholder(tf.float32, [None, 5, 5, 2], name="images")
        labels = tf.placeholder(tf.int32, [None], name="labels")
        training = tf.placeholder(tf.bool, name="training")
        net = tf.layers.conv2d(images, 3, 3, use_bias=False, name="convolution")
        net = tf.nn.relu(tf.layers.batch_normalization(net, training=training, momentum=0.7, name="norm"))
        logits = tf.layers.dense(tf.layers.flatten(net), 2, name="logits")
        tf.nn.softmax(logits, name="probabilities")
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
        tf.identity(loss, name="loss")
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train = tf.train.AdamOptimizer(0.01).minimize(loss, name="train")
        saver = tf.train.Saver()
        random = np.random.RandomState(4)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(20):
                batch = {images: random.rand(8, 5, 5, 2), labels: random.randint(2, size=8), training: True}
                session.run(train, batch)
            saver.save(session, prefix)
    os.remove(os.path.join(os.path.dirname(prefix), "checkpoint"))


if __name__ == "__main__":
    top = sys.argv[1] if len(sys.argv) > 1 else PROGRAMS
    tf.logging.set_verbosity(tf.logging.ERROR)
    frozen(os.path.join(top, "frozen_graph_inference", "reader.pb"))
    for program in ("saved_model_inference", "saved_model_signature"):
        saved_model(os.path.join(top, program, "model"))
    meta_graph(os.path.join(top, "meta_graph_inference", "model.ckpt"))
