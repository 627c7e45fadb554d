"""Monitored sessions and Estimators at the native level: what their loops look like, and what leaves a program as it is."""

from __future__ import annotations

import ast

import pytest

from tf_modernize.codemods.engine import upgrade_program

HEAD = "import numpy as np\nimport tensorflow as tf\n"
GRAPH = """x = tf.placeholder(tf.float32, [None, 2])
w = tf.get_variable("w", [2, 1])
loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
step = tf.train.get_or_create_global_step()
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
data = np.ones((4, 2), np.float32)
"""
LOOP = "    while not sess.should_stop():\n        sess.run(train, {x: data})\n"


def upgraded(source: str) -> tuple[str, str, list[str]]:
    """The level, the new text and what is told of it. A second run must change nothing."""
    result = upgrade_program({"program.py": (HEAD + source).encode()})
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    ast.parse(text)
    again = upgrade_program({"program.py": text.encode()}).files["program.py"]
    assert result.level == "untouched" or again.after is None, "a second run changes the result"
    return result.level, text, [f"{one.code} {one.message}" for one in file.diagnostics]


def native(source: str) -> str:
    level, text, told = upgraded(source)
    assert level == "native", told
    return text


def session(arguments: str, loop: str = LOOP, graph: str = GRAPH) -> str:
    return f"{graph}with tf.train.MonitoredTrainingSession({arguments}) as sess:\n{loop}"


def test_a_stop_hook_is_a_question_to_the_step() -> None:
    text = native(session("hooks=[tf.train.StopAtStepHook(last_step=9)]"))
    assert "while optimizer.iterations < 9:\n    train_step(data)\n" in text
    assert "Hook" not in text


def test_a_resumed_session_runs_once_even_at_its_last_step() -> None:
    text = native(session("checkpoint_dir='logs', hooks=[tf.train.StopAtStepHook(last_step=9)]"))
    assert "while True:\n    train_step(data)\n" in text
    assert "    if optimizer.iterations >= 9:\n        break\n" in text
    assert text.count("manager.save(checkpoint_number=optimizer.iterations)") == 3


def test_a_number_of_steps_counts_from_where_it_begins() -> None:
    text = native(
        session("checkpoint_dir='logs', save_checkpoint_steps=5, hooks=[tf.train.StopAtStepHook(num_steps=9)]")
    )
    assert "last_step = optimizer.iterations.numpy() + 9\nwhile optimizer.iterations < last_step:\n" in text
    assert "checkpoint_interval=5" in text
    assert "manager.save(checkpoint_number=optimizer.iterations, check_interval=False)" in text


def test_hooks_become_lines_behind_the_run() -> None:
    hooks = "tf.train.LoggingTensorHook({'loss': loss, 'step': step}, every_n_iter=5), tf.train.NanTensorHook(loss)"
    text = native(session(f"hooks=[tf.train.StopAtStepHook(9), {hooks}]"))
    assert "    loss_value = train_step(data).numpy()\n" in text
    assert "    if optimizer.iterations % 5 == 1:\n" in text
    assert '        logging.info("loss = %s, step = %s", loss_value, optimizer.iterations.numpy())\n' in text
    assert '    if np.isnan(loss_value):\n        raise RuntimeError("NaN loss during training.")\n' in text


def test_summaries_are_written_within_the_step() -> None:
    text = native(session("checkpoint_dir='logs'", graph=GRAPH + "tf.summary.scalar('loss', loss)\n"))
    assert "tf.summary.record_if((optimizer.iterations - first_step) % 100 == 0)" in text
    assert '        tf.summary.scalar("loss", loss)\n' in text


DATA = """dataset = tf.data.Dataset.from_tensor_slices(np.ones((8, 2), np.float32)).batch(4)
x = dataset.make_one_shot_iterator().get_next()
"""


def test_the_end_of_the_data_is_the_end_of_the_loop() -> None:
    graph = DATA + GRAPH.partition("\n")[2]
    loop = "    while not sess.should_stop():\n        sess.run(train)\n"
    assert "for element in dataset:\n    train_step(element)\n" in native(session("", loop, graph))
    first = "    while not sess.should_stop():\n        print('round')\n        sess.run(train)\n"
    text = native(session("", first, graph))
    assert text.endswith(
        "try:\n    while True:\n        print('round')\n        train_step(iterator.get_next())\n"
        "except tf.errors.OutOfRangeError:\n    pass\n"
    )
    endless = graph.replace(".batch(4)", ".repeat().batch(4)")
    assert "OutOfRangeError" not in native(session("hooks=[tf.train.StopAtStepHook(9)]", loop, endless))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("hooks=[tf.train.StopAtStepHook(9), tf.train.StopAtStepHook(5)]", "several hooks that stop a session"),
        ("hooks=[tf.train.LoggingTensorHook([loss], every_n_secs=5)]", "a LoggingTensorHook with every_n_secs"),
        ("is_chief=False", "a monitored session with is_chief"),
        ("scaffold=tf.train.Scaffold()", "tf.train.Scaffold"),
        ("hooks=[tf.train.FinalOpsHook(loss)]", "tf.train.FinalOpsHook"),
        ("checkpoint_dir='logs', save_checkpoint_steps=1, save_checkpoint_secs=1", "saves by steps and by seconds"),
    ],
)
def test_what_is_not_understood_stays(arguments: str, reason: str) -> None:
    level, _, told = upgraded(session(arguments))
    assert level != "native"
    assert any(reason in one for one in told), told


def test_a_session_that_is_left_early_stays() -> None:
    loop = LOOP + "        if data.sum() > 9:\n            continue\n"
    level, _, told = upgraded(session("checkpoint_dir='logs', hooks=[tf.train.StopAtStepHook(last_step=9)]", loop))
    assert level == "compat"
    assert any("asks in another way whether to stop" in one for one in told), told


ESTIMATOR = """def model_fn(features, labels, mode):
    logits = tf.layers.dense(features, 2)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    train_op = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op, eval_metric_ops={METRICS})


def data():
    return tf.data.Dataset.from_tensor_slices((np.ones((8, 3), np.float32), np.ones(8, np.int64))).batch(4)


estimator = tf.estimator.Estimator(model_fnCONFIG)
estimator.train(data, steps=5)
"""


def estimator(metrics: str = "None", config: str = "", more: str = "") -> str:
    return ESTIMATOR.replace("{METRICS}", metrics).replace("CONFIG", config) + more


def test_an_estimator_trains_in_a_loop_over_its_dataset() -> None:
    text = native(estimator())
    assert "estimator" not in text
    assert "for features, labels in data().take(5):\n    loss = train_step(features, labels).numpy()\n" in text


def test_an_evaluation_gives_its_metrics_its_loss_and_the_step() -> None:
    metrics = "{'accuracy': tf.metrics.accuracy(labels, tf.argmax(logits, 1))}"
    text = native(estimator(metrics, more="print(estimator.evaluate(data)['accuracy'])\n"))
    assert "    accuracy.update_state(labels, tf.argmax(logits, 1))\n" in text
    assert "print(evaluate(data())['accuracy'])" in text
    assert '"loss": mean_loss.result().numpy(),' in text
    assert '"global_step": optimizer.iterations.numpy(),' in text


def test_errors_are_counted_element_by_element() -> None:
    metrics = "{'mse': tf.metrics.mean_squared_error(labels, tf.argmax(logits, 1))}"
    text = native(estimator(metrics, more="estimator.evaluate(data)\n"))
    assert "mse.update_state(tf.reshape(labels, [-1, 1]), tf.reshape(tf.argmax(logits, 1), [-1, 1]))" in text


def test_a_model_dir_is_restored_from_and_saved_to() -> None:
    text = native(estimator(config=", 'model'"))
    assert "manager.restore_or_initialize()" in text
    assert "    if time.time() - saved_at >= 600:\n" in text


def test_a_hook_of_a_training_logs_what_it_is_told_by_name() -> None:
    named = estimator().replace("logits)", 'logits)\n    tf.nn.softmax(logits, name="shares")', 1)
    hook = "tags = {'p': 'shares'}\nhook = tf.train.LoggingTensorHook(tags, every_n_iter=2)\nestimator.train(data, "
    level, _, told = upgraded(named.replace("estimator.train(data, ", hook).replace("steps=5", "steps=5, hooks=[hook]"))
    assert level == "untouched"
    assert any("no name reaches" in one for one in told), told
    bound = estimator().replace("logits)", 'logits)\n    shares = tf.nn.softmax(logits, name="shares")', 1)
    text = native(bound.replace("estimator.train(data, ", hook).replace("steps=5", "steps=5, hooks=[hook]"))
    assert "    loss, shares_value = [value.numpy() for value in train_step(features, labels)]\n" in text
    assert '        logging.info("p = %s", shares_value)\n' in text
    assert "tags" not in text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (estimator(config=", warm_start_from='old'"), "an Estimator with warm_start_from"),
        (
            estimator(more="estimator.export_saved_model('out', None)\n"),
            "a method .export_saved_model() of an Estimator",
        ),
        (estimator(more="print(estimator.model_dir)\n"), "an Estimator with another use of `estimator`"),
        (estimator("{'auc': tf.metrics.auc(labels, logits)}"), "tf.metrics.auc"),
        (
            estimator().replace("steps=5", "steps=5, hooks=[tf.train.StopAtStepHook(9)]"),
            "an Estimator's train with hooks",
        ),
        (estimator().replace("def data():", "def data(params):"), "takes the Estimator's arguments"),
        (estimator().replace("tf.estimator.Estimator", "tf.contrib.tpu.TPUEstimator"), "TPUEstimator"),
        (estimator().replace("global_step=tf.train.get_global_step()", ""), "whose step nothing counts"),
    ],
)
def test_estimators_that_are_not_understood_stay_as_they_are(source: str, reason: str) -> None:
    level, _, told = upgraded(source)
    assert level == "untouched"
    assert any(reason in one for one in told), told
