"""Runs TF 1 calls under TensorFlow 1.15, and what the facts make of them under TensorFlow 2.21, and compares the results.

    python scripts/compare_api.py --tf1-python TF1/bin/python --tf2-python TF2/bin/python

It is the check behind the rows of hand.tsv that say that a target means the same: each call is rewritten by what
`codemods/api` says of its name and by nothing else. Under the interpreters it runs itself, so it keeps to Python 3.7.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

API = Path(__file__).resolve().parent.parent / "codemods" / "api" / "__init__.py"
LIMIT = 1e-4


class Dtype(str):
    """The name of a dtype, where a call takes one."""


def calls():
    """Name, positional arguments, keyword arguments."""
    import numpy as np

    draw = np.random.RandomState(0)

    def rand(*shape):
        return draw.rand(*shape).astype("float32")

    MATRIX, RIGHT, VECTOR = rand(3, 4), rand(4, 5), rand(6)
    IMAGES, FILTERS, SEQUENCE, VOLUME = rand(2, 8, 8, 3), rand(3, 3, 3, 4), rand(2, 9, 3), rand(1, 4, 4, 4, 2)
    SQUARE = rand(4, 4) + 4 * np.eye(4, dtype="float32")
    POSITIVE = (SQUARE @ SQUARE.T).astype("float32")
    INTS = draw.randint(0, 4, (3, 4)).astype("int32")
    POSITIVE_INTS = INTS + 1
    INDICES, LABELS = np.array([2, 0, 1], "int32"), np.array([0, 2, 1], "int32")
    SEGMENTS, ONE_HOT = np.array([0, 0, 1], "int32"), np.eye(4, dtype="float32")[LABELS]
    return [
        ("reduce_sum", [MATRIX], {"reduction_indices": 1, "keep_dims": True}),
        ("reduce_mean", [MATRIX, 0], {}),
        ("reduce_max", [MATRIX], {"keep_dims": True}),
        ("reduce_logsumexp", [MATRIX, 1, True], {}),
        ("reduce_any", [MATRIX > 0.5, 1], {}),
        ("math.reduce_prod", [MATRIX], {"axis": 0}),
        ("argmax", [MATRIX, 1], {}),
        ("argmax", [MATRIX], {"dimension": 0}),
        ("argmin", [MATRIX], {}),
        ("arg_max", [MATRIX, 1], {}),
        ("count_nonzero", [MATRIX > 0.5], {"reduction_indices": 1}),
        ("confusion_matrix", [LABELS, INDICES], {}),
        ("bincount", [LABELS], {}),
        ("boolean_mask", [MATRIX, MATRIX > 0.5], {}),
        ("boolean_mask", [MATRIX, np.array([True, False, True])], {}),
        ("gather", [MATRIX, INDICES], {}),
        ("gather", [MATRIX, INDICES], {"axis": 1}),
        ("gather_nd", [MATRIX, np.array([[0, 1], [2, 3]])], {}),
        ("expand_dims", [MATRIX, 1], {}),
        ("expand_dims", [MATRIX], {"dim": -1}),
        ("pad", [MATRIX, [[1, 1], [0, 2]], "CONSTANT", "nm"], {}),
        ("pad", [MATRIX, [[1, 1], [1, 2]], "REFLECT"], {}),
        ("squeeze", [MATRIX[None]], {}),
        ("squeeze", [MATRIX[None]], {"squeeze_dims": [0]}),
        ("transpose", [MATRIX], {}),
        ("transpose", [SEQUENCE, [1, 0, 2], "nm"], {}),
        ("reverse_sequence", [MATRIX, np.array([1, 2, 3])], {"seq_dim": 1, "batch_dim": 0}),
        ("shape", [MATRIX], {}),
        ("shape", [MATRIX, "n"], {}),
        ("size", [MATRIX], {}),
        ("zeros_like", [MATRIX], {}),
        ("ones_like", [], {"tensor": MATRIX}),
        ("norm", [MATRIX], {"keep_dims": True}),
        ("norm", [MATRIX, 1, 0], {}),
        ("floor_div", [POSITIVE_INTS, 2], {}),
        ("mod", [MATRIX, 0.3], {}),
        ("linalg.transpose", [SEQUENCE], {}),
        ("to_float", [INTS], {}),
        ("to_int32", [MATRIX * 5], {}),
        ("to_double", [MATRIX, "nm"], {}),
        ("to_int64", [MATRIX * 3], {}),
        ("batch_to_space_nd", [IMAGES[:, :, :, :1].repeat(2, 0), [2, 2], [[0, 0], [0, 0]]], {}),
        ("space_to_batch_nd", [IMAGES, [2, 2], [[0, 0], [0, 0]]], {}),
        ("depth_to_space", [rand(1, 2, 2, 4), 2], {}),
        ("space_to_depth", [IMAGES, 2], {}),
        ("setdiff1d", [np.array([1, 2, 3, 4]), np.array([2, 4])], {}),
        ("sparse_to_dense", [np.array([[0, 1], [1, 2]]), [2, 3], np.array([5.0, 6.0], "float32")], {}),
        ("sparse_to_dense", [np.array([0, 1]), [3], 1.0, 0.0], {}),
        ("nn.softmax", [MATRIX], {"dim": 0}),
        ("nn.softmax", [MATRIX], {}),
        ("nn.log_softmax", [MATRIX], {}),
        ("nn.softmax_cross_entropy_with_logits_v2", [], {"labels": ONE_HOT, "logits": MATRIX}),
        ("nn.softmax_cross_entropy_with_logits_v2", [ONE_HOT, MATRIX], {"dim": -1}),
        ("nn.sigmoid_cross_entropy_with_logits", [], {"labels": ONE_HOT, "logits": MATRIX}),
        ("nn.sparse_softmax_cross_entropy_with_logits", [], {"labels": LABELS, "logits": MATRIX}),
        ("nn.weighted_cross_entropy_with_logits", [], {"targets": ONE_HOT, "logits": MATRIX, "pos_weight": 2.0}),
        ("nn.weighted_cross_entropy_with_logits", [ONE_HOT, MATRIX, 2.0], {}),
        ("nn.conv2d", [IMAGES, FILTERS, [1, 2, 2, 1], "SAME"], {}),
        (
            "nn.conv2d",
            [IMAGES],
            {"filter": FILTERS, "strides": [1, 1, 1, 1], "padding": "VALID", "use_cudnn_on_gpu": False},
        ),
        ("nn.conv1d", [SEQUENCE, rand(3, 3, 4), 2, "SAME"], {}),
        ("nn.conv1d", [], {"value": SEQUENCE, "filters": rand(3, 3, 4), "stride": 1, "padding": "VALID"}),
        ("nn.conv3d", [VOLUME, rand(2, 2, 2, 2, 3), [1, 1, 1, 1, 1], "SAME"], {}),
        ("nn.conv2d_transpose", [rand(2, 4, 4, 4), rand(3, 3, 3, 4), [2, 8, 8, 3], [1, 2, 2, 1]], {}),
        (
            "nn.conv2d_transpose",
            [],
            {
                "value": rand(2, 4, 4, 4),
                "filter": rand(3, 3, 3, 4),
                "output_shape": [2, 8, 8, 3],
                "strides": [1, 2, 2, 1],
                "padding": "SAME",
            },
        ),
        ("nn.conv3d_transpose", [rand(1, 2, 2, 2, 2), rand(2, 2, 2, 3, 2), [1, 4, 4, 4, 3], [1, 2, 2, 2, 1]], {}),
        ("nn.convolution", [IMAGES, FILTERS, "SAME"], {}),
        ("nn.convolution", [IMAGES, FILTERS, "VALID"], {"dilation_rate": [2, 2]}),
        ("nn.depthwise_conv2d", [IMAGES, rand(3, 3, 3, 2), [1, 1, 1, 1], "SAME"], {}),
        ("nn.depthwise_conv2d", [IMAGES, rand(3, 3, 3, 2), [1, 1, 1, 1], "SAME", [2, 2]], {}),
        ("nn.separable_conv2d", [IMAGES, rand(3, 3, 3, 2), rand(1, 1, 6, 5), [1, 1, 1, 1], "SAME"], {}),
        ("nn.separable_conv2d", [IMAGES, rand(3, 3, 3, 2), rand(1, 1, 6, 5), [1, 1, 1, 1], "VALID", [2, 2]], {}),
        ("nn.conv2d_backprop_input", [[2, 8, 8, 3], rand(3, 3, 3, 4), rand(2, 4, 4, 4), [1, 2, 2, 1], "SAME"], {}),
        ("nn.conv2d_backprop_filter", [IMAGES, [3, 3, 3, 4], rand(2, 4, 4, 4), [1, 2, 2, 1], "SAME"], {}),
        ("nn.depthwise_conv2d_native", [IMAGES, rand(3, 3, 3, 2), [1, 1, 1, 1], "SAME"], {}),
        ("nn.dilation2d", [IMAGES, rand(3, 3, 3), [1, 1, 1, 1], [1, 1, 1, 1], "SAME"], {}),
        ("nn.erosion2d", [IMAGES, rand(3, 3, 3), [1, 1, 1, 1], [1, 1, 1, 1], "SAME"], {}),
        ("nn.max_pool", [IMAGES, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"], {}),
        ("nn.avg_pool", [], {"value": IMAGES, "ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}),
        ("nn.max_pool_with_argmax", [IMAGES, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"], {}),
        ("nn.pool", [IMAGES, [2, 2], "MAX", "SAME"], {}),
        ("nn.pool", [IMAGES, [2, 2], "AVG", "VALID", [2, 2]], {}),
        ("nn.moments", [MATRIX, [0]], {"keep_dims": True}),
        ("nn.moments", [MATRIX, [0]], {}),
        ("nn.weighted_moments", [MATRIX, [0], rand(3, 4)], {}),
        ("nn.sufficient_statistics", [MATRIX, [0]], {}),
        ("nn.crelu", [MATRIX - 0.5], {}),
        ("nn.in_top_k", [MATRIX, LABELS, 2], {}),
        ("nn.batch_norm_with_global_normalization", [IMAGES, rand(3), rand(3), rand(3), rand(3), 1e-3, True], {}),
        ("nn.leaky_relu", [MATRIX - 0.5], {}),
        ("nn.swish", [MATRIX], {}),
        ("nn.l2_normalize", [MATRIX, 1], {}),
        ("nn.l2_normalize", [MATRIX], {"dim": 0}),
        ("nn.lrn", [IMAGES], {}),
        ("nn.local_response_normalization", [IMAGES, 4, 1.0, 0.001 / 9, 0.75], {}),
        ("nn.batch_normalization", [IMAGES, rand(3), rand(3), rand(3), rand(3), 1e-3], {}),
        ("nn.top_k", [MATRIX, 2], {}),
        ("nn.elu", [MATRIX - 0.5], {}),
        ("nn.relu6", [MATRIX * 9], {}),
        ("nn.bias_add", [IMAGES, rand(3)], {}),
        ("string_to_number", [np.array(["1.5", "2"])], {}),
        ("strings.substr", [np.array(["hello"]), 1, 2], {}),
        ("substr", [np.array(["hello"]), 1, 2, "nm"], {}),
        ("reduce_join", [np.array([["a", "b"], ["c", "d"]]), 1], {}),
        ("reduce_join", [np.array([["a", "b"], ["c", "d"]])], {"reduction_indices": 0, "keep_dims": True}),
        ("string_to_hash_bucket", [np.array(["a"]), 100], {}),
        ("string_to_hash_bucket_fast", [np.array(["a"]), 100], {}),
        ("string_join", [[np.array(["a"]), np.array(["b"])], "-"], {}),
        ("strings.length", [np.array(["abc"])], {}),
        ("decode_raw", [np.array([b"abcd"]), Dtype("uint8")], {}),
        ("verify_tensor_all_finite", [MATRIX, "bad"], {}),
        (
            "image.crop_and_resize",
            [IMAGES, np.array([[0, 0, 0.5, 0.5]], "float32"), np.array([1], "int32"), [4, 4]],
            {},
        ),
        (
            "image.crop_and_resize",
            [IMAGES, np.array([[0, 0, 0.5, 0.5]], "float32")],
            {"box_ind": np.array([1], "int32"), "crop_size": [4, 4]},
        ),
        ("image.draw_bounding_boxes", [IMAGES, np.array([[[0, 0, 0.5, 0.5]], [[0, 0, 1, 1]]], "float32")], {}),
        ("extract_image_patches", [IMAGES, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"], {}),
        (
            "extract_image_patches",
            [],
            {
                "images": IMAGES,
                "ksizes": [1, 3, 3, 1],
                "strides": [1, 2, 2, 1],
                "rates": [1, 1, 1, 1],
                "padding": "SAME",
            },
        ),
        ("image.resize_bilinear", [IMAGES, [5, 5]], {}),
        ("image.resize_bilinear", [IMAGES, [5, 5], True], {}),
        ("image.resize_nearest_neighbor", [IMAGES, [5, 5]], {}),
        ("image.resize_bicubic", [IMAGES, [11, 5]], {}),
        ("image.resize_area", [IMAGES, [5, 5]], {}),
        ("image.resize_image_with_crop_or_pad", [IMAGES, 6, 10], {}),
        ("matrix_diag", [VECTOR], {}),
        ("matrix_diag_part", [SQUARE], {}),
        ("diag", [VECTOR], {}),
        ("diag_part", [SQUARE], {}),
        ("trace", [SQUARE], {}),
        ("matrix_inverse", [SQUARE], {}),
        ("cholesky", [POSITIVE], {}),
        ("matrix_determinant", [SQUARE], {}),
        ("matrix_solve", [SQUARE, SQUARE], {}),
        ("matrix_transpose", [SEQUENCE], {}),
        ("matrix_band_part", [SQUARE, 0, -1], {}),
        ("self_adjoint_eigvals", [POSITIVE], {}),
        ("matrix_set_diag", [SQUARE, rand(4)], {}),
        ("log", [MATRIX + 1], {}),
        ("log1p", [MATRIX], {}),
        ("ceil", [MATRIX], {}),
        ("rint", [MATRIX * 4], {}),
        ("reciprocal", [MATRIX + 1], {}),
        ("rsqrt", [MATRIX + 1], {}),
        ("floordiv", [POSITIVE_INTS, 2], {}),
        ("truncatediv", [POSITIVE_INTS, 2], {}),
        ("realdiv", [MATRIX, 2.0], {}),
        ("is_nan", [MATRIX], {}),
        ("is_finite", [MATRIX], {}),
        ("invert_permutation", [INDICES], {}),
        ("segment_sum", [MATRIX, SEGMENTS], {}),
        ("unsorted_segment_sum", [MATRIX, SEGMENTS, 3], {}),
        ("segment_mean", [MATRIX, SEGMENTS], {}),
        ("cumprod", [MATRIX], {}),
        ("cumsum", [MATRIX, 1], {}),
        ("cross", [rand(2, 3), rand(2, 3)], {}),
        ("betainc", [MATRIX, MATRIX, MATRIX], {}),
        ("lgamma", [MATRIX + 1], {}),
        ("digamma", [MATRIX + 1], {}),
        ("erf", [MATRIX], {}),
        ("squared_difference", [MATRIX, MATRIX * 2], {}),
        ("logical_xor", [MATRIX > 0.5, MATRIX > 0.2], {}),
        ("matmul", [MATRIX, RIGHT], {}),
        ("sparse_matmul", [MATRIX, RIGHT], {}),
        ("sparse_matmul", [MATRIX, RIGHT], {"a_is_sparse": True}),
        ("sub", [MATRIX, MATRIX * 2], {}),
        ("mul", [MATRIX, MATRIX], {}),
        ("neg", [MATRIX], {}),
        ("pack", [[MATRIX, MATRIX], 1], {}),
        ("unpack", [MATRIX], {"axis": 1}),
        ("inv", [MATRIX + 1], {}),
        ("listdiff", [np.array([1, 2, 3]), np.array([2])], {}),
        ("batch_matmul", [SEQUENCE, SEQUENCE], {"adj_y": True}),
        ("complex_abs", [MATRIX.astype("complex64")], {}),
        ("batch_matrix_diag", [MATRIX], {}),
        ("where", [MATRIX > 0.5], {}),
        ("foldl", [lambda a, b: a + b, MATRIX], {}),
        ("foldr", [lambda a, b: a + b, MATRIX], {}),
        ("scan", [lambda a, b: a * b, MATRIX], {}),
        ("map_fn", [lambda a: a * 2, MATRIX], {}),
        ("py_func", [lambda a: a * 2, [MATRIX], Dtype("float32")], {}),
        ("py_func", [lambda a: a * 2, [MATRIX], Dtype("float32"), False, "nm"], {}),
        ("tuple", [[MATRIX, RIGHT]], {}),
        ("convert_to_tensor", [MATRIX, None, "nm"], {}),
        ("constant", [1.5], {}),
        ("manip.roll", [MATRIX, 1, 0], {}),
        ("spectral.rfft", [VECTOR], {}),
        ("fft", [MATRIX.astype("complex64")], {}),
        ("one_hot", [LABELS, 4], {}),
        ("sequence_mask", [np.array([1, 3]), 4], {}),
        ("clip_by_value", [MATRIX, 0.2, 0.5], {}),
        ("clip_by_norm", [MATRIX, 0.5], {}),
        ("clip_by_global_norm", [[MATRIX, RIGHT], 0.5], {}),
        ("global_norm", [[MATRIX, RIGHT]], {}),
        ("meshgrid", [VECTOR, VECTOR], {}),
        ("tile", [MATRIX, [2, 1]], {}),
        ("unique", [LABELS], {}),
        ("stack", [[MATRIX, MATRIX]], {}),
        ("concat", [[MATRIX, MATRIX], 1], {}),
        ("split", [MATRIX, 2, 1], {}),
        ("reverse", [MATRIX, [0]], {}),
        ("slice", [MATRIX, [0, 1], [2, 2]], {}),
        ("strided_slice", [MATRIX, [0, 0], [2, 2]], {}),
        ("accumulate_n", [[MATRIX, MATRIX]], {}),
        ("add_n", [[MATRIX, MATRIX]], {}),
        ("lin_space", [0.0, 1.0, 5], {}),
        ("linspace", [0.0, 1.0, 5], {}),
        ("range", [5], {}),
        ("fill", [[2, 2], 1.0], {}),
        ("tensordot", [MATRIX, RIGHT, 1], {}),
        ("einsum", ["ij,jk->ik", MATRIX, RIGHT], {}),
        ("sparse_segment_sum", [MATRIX, np.array([0, 2], "int32"), np.array([0, 0], "int32")], {}),
        ("nn.zero_fraction", [MATRIX], {}),
        ("nn.depthwise_conv2d", [IMAGES, rand(3, 3, 3, 2), [1, 1, 1, 1], "SAME"], {"rate": [1, 1]}),
        ("image.rgb_to_grayscale", [IMAGES], {}),
        ("image.flip_left_right", [IMAGES], {}),
        ("image.per_image_standardization", [IMAGES], {}),
        ("image.central_crop", [IMAGES, 0.5], {}),
        ("image.adjust_brightness", [IMAGES, 0.1], {}),
        ("image.transpose_image", [IMAGES], {}),
        ("image.rot90", [IMAGES[0]], {}),
        ("image.total_variation", [IMAGES], {}),
        ("image.psnr", [IMAGES, IMAGES * 0.9, 1.0], {}),
        ("nn.l2_loss", [MATRIX], {}),
        ("nn.log_poisson_loss", [MATRIX, MATRIX], {}),
        ("nn.sigmoid", [MATRIX], {}),
    ]


def convert(tf, value):
    import numpy as np

    if isinstance(value, Dtype):
        return getattr(tf, value)
    if isinstance(value, np.ndarray):
        return tf.constant(value.tolist() if value.dtype.kind in "US" else value)
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return [convert(tf, item) for item in value]
    return value


def reach(root, name):
    for part in name.split("."):
        root = getattr(root, part)
    return root


def flat(values):
    """Shapes, dtypes and numbers, or strings, of a list of arrays."""
    import numpy as np

    out = []
    for value in map(np.asarray, values):
        if value.dtype.kind in "OSU":
            out.append({"shape": list(value.shape), "text": [str(item) for item in value.ravel()]})
        else:
            parts = np.stack([value.real, value.imag]) if value.dtype.kind == "c" else value
            numbers = parts.astype("float64").ravel().tolist()
            out.append({"shape": list(value.shape), "dtype": str(value.dtype), "numbers": numbers})
    return out


def run_tf1(name, arguments, keywords):
    import tensorflow as tf

    older = json.loads(os.environ["OLDER"])
    try:
        function = reach(tf, older.get(name, name))
    except AttributeError:
        return "TF 1.15 has no such name"
    renamed = {"t": "x", "e": "y", "adj_x": "adjoint_a", "adj_y": "adjoint_b"} if name in older else {}
    with tf.Graph().as_default(), tf.Session() as session:
        given = {renamed.get(key, key): convert(tf, value) for key, value in keywords.items()}
        made = function(*[convert(tf, value) for value in arguments], **given)
        return flat(session.run([item for item in tf.contrib.framework.nest.flatten(made) if item is not None]))


def run_tf2(name, arguments, keywords):
    import tensorflow as tf

    spec = importlib.util.spec_from_file_location("facts", API)
    facts = sys.modules.get("facts") or importlib.util.module_from_spec(spec)
    if "facts" not in sys.modules:
        sys.modules["facts"] = facts
        spec.loader.exec_module(facts)
    fact = facts.lookup(name)
    if fact is None or fact.target is None:
        return "the facts have no target"
    order = [parameter.name for parameter in fact.signature if parameter.kind == "positional"]
    starred = any(parameter.kind == "*" for parameter in fact.signature)
    given = dict(keywords) if starred else {**dict(zip(order, arguments, strict=False)), **keywords}
    if fact.behaviour and (not fact.when or set(fact.when) & set(given)):
        return "the facts have a behaviour: " + fact.behaviour
    if set(given) & set(fact.dropped) - set(fact.inert):
        return "the facts drop " + ", ".join(sorted(set(given) & set(fact.dropped) - set(fact.inert)))
    new = {fact.renamed.get(key, key): convert(tf, value) for key, value in given.items() if key not in fact.inert}
    for key, text in fact.defaults.items():
        new.setdefault(key, eval(text, {"tf": tf}))
    made = reach(tf, fact.target)(*[convert(tf, value) for value in arguments if starred], **new)
    return flat(
        [getattr(item, "numpy", lambda item=item: item)() for item in tf.nest.flatten(made) if item is not None]
    )


def within():
    run = run_tf1 if sys.argv[1] == "tf1" else run_tf2
    out = []
    for name, arguments, keywords in calls():
        try:
            out.append([name, run(name, arguments, keywords)])
        except Exception as error:
            out.append([name, repr(error)[:300]])
    json.dump(out, sys.stdout)


def difference(one, other):
    """A sentence for two results that don't agree, or None."""
    if isinstance(one, str) or isinstance(other, str):
        return "; ".join(item for item in (one, other) if isinstance(item, str))
    if [{**item, "numbers": 0} for item in one] != [{**item, "numbers": 0} for item in other]:
        return "another structure, shape, dtype or text"
    pairs = (zip(a.get("numbers", ()), b.get("numbers", ()), strict=True) for a, b in zip(one, other, strict=True))
    apart = [abs(x - y) for pair in pairs for x, y in pair if x == x or y == y]
    return None if all(distance <= LIMIT for distance in apart) else f"{max(apart):.2g} off"


def main():
    import argparse

    parser = argparse.ArgumentParser(description="Compare TF 1.15 with what the facts make of it in TF 2.21.")
    parser.add_argument("--tf1-python", required=True)
    parser.add_argument("--tf2-python", required=True)
    options = parser.parse_args()
    rows = [line.split("\t") for line in (API.parent / "older.tsv").read_text("utf-8").splitlines() if line[0] != "#"]
    older = json.dumps({row[0]: row[3] for row in rows if row[3]})
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "OLDER": older}
    results = []
    for python, which in ((options.tf1_python, "tf1"), (options.tf2_python, "tf2")):
        command = [python, "-W", "ignore", __file__, which]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{python} failed:\n{done.stderr[-2000:]}")
        results.append(json.loads(done.stdout))
    wrong = 0
    for (name, one), (_, other) in zip(*results, strict=True):
        why = difference(one, other)
        if why:
            wrong += 1
            print(f"{name}: {why}")
    print(f"{len(results[0]) - wrong} of {len(results[0])} calls agree")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    within() if sys.argv[1:] in (["tf1"], ["tf2"]) else main()
