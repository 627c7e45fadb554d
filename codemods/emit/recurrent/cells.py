"""The source of RNN cells that compute what TF1's do, with TF1's weights: a short Keras class each, with no more than is used.

Keras' own cells split the kernel in two, order the gates otherwise, and add the forget bias to the weights; TF1 draws one kernel
over inputs and state (semantics: a cell like these agrees to 2.4e-7, initial values included).
"""

from __future__ import annotations

from collections.abc import Container

LSTM_DOC = '"""TensorFlow 1\'s LSTM: one kernel over inputs and h, its gates in the order i, j, f, o."""'
DOCS = {
    "BasicRNNCell": '"""TensorFlow 1\'s basic RNN: one kernel over inputs and state."""',
    "GRUCell": '"""TensorFlow 1\'s GRU: the reset gate acts before the candidate\'s kernel."""',
    "DropoutWrapper": '"""Drops inputs and outputs of a cell, anew at each step."""',
    "ResidualWrapper": '"""Adds the inputs of a cell to its outputs."""',
}
BIDIRECTIONAL = """\
class {name}({tf}.keras.layers.Layer):
    \"\"\"Runs one cell forward and one backward over the same sequences.\"\"\"

    def __init__(self, cell_fw, cell_bw, name=None):
        super().__init__(name=name)
        self.supports_masking = True
        self.fw = {tf}.keras.layers.RNN(
            cell_fw, return_sequences=True, return_state=True, zero_output_for_mask=True, name="fw")
        self.bw = {tf}.keras.layers.RNN(
            cell_bw, return_sequences=True, return_state=True, zero_output_for_mask=True, go_backwards=True, name="bw")

    def build(self, input_shape):
        self.fw.build(input_shape)
        self.bw.build(input_shape)

    def call(self, inputs, mask=None, initial_state_fw=None, initial_state_bw=None):
        output_fw, *state_fw = self.fw(inputs, initial_state=initial_state_fw, mask=mask)
        output_bw, *state_bw = self.bw(inputs, initial_state=initial_state_bw, mask=mask)
        return (output_fw, {tf}.reverse(output_bw, axis=[1])), (state_fw, state_bw)
"""


def source(kind: str, name: str, tf: str, features: Container[str]) -> str:
    """The class of a kind of cell, with the settings in `features`, at four blanks an indentation."""
    if kind == "BidirectionalRNN":
        text = BIDIRECTIONAL.format(name=name, tf=tf)
        return text.replace("*state", "state") if "single" in features else text
    writer = {"BasicRNNCell": _basic, "GRUCell": _gru}.get(kind, _lstm)
    return "\n".join(writer(kind, name, tf, features)) + "\n"


def _head(kind: str, name: str, tf: str, features: Container[str], parameters: list[str]) -> list[str]:
    if "activation" in features:
        parameters.append(f"activation={tf}.tanh")
    if "initializer" in features:
        parameters.append("initializer=None")
    return [
        f"class {name}({tf}.keras.layers.Layer):",
        f"    {DOCS.get(kind, LSTM_DOC)}",
        "",
        f"    def __init__(self, num_units, {''.join(one + ', ' for one in parameters)}name=None):",
        "        super().__init__(name=name)",
    ]


def _kept(features: Container[str], *names: str) -> list[str]:
    """The settings that the other methods read."""
    wanted = [*names, *(one for one in ("activation", "initializer") if one in features)]
    return [f"        self.{one} = {one}" for one in wanted]


def _activation(tf: str, features: Container[str]) -> str:
    return "self.activation" if "activation" in features else f"{tf}.tanh"


def _weights(features: Container[str], rows: str, columns: str) -> list[str]:
    """A kernel over inputs and state, and its bias."""
    drawn = ", initializer=self.initializer" if "initializer" in features else ""
    return [
        "",
        "    def build(self, input_shape):",
        "        self.kernel = self.add_weight(",
        f'            name="kernel", shape=[input_shape[-1] + {rows}, {columns}]{drawn})',
        f'        self.bias = self.add_weight(name="bias", shape=[{columns}], initializer="zeros")',
    ]


def _basic(kind: str, name: str, tf: str, features: Container[str]) -> list[str]:
    return [
        *_head(kind, name, tf, features, []),
        *_kept(features, "num_units"),
        "        self.state_size = num_units",
        *_weights(features, "self.num_units", "self.num_units"),
        "",
        "    def call(self, inputs, state):",
        "        [h] = state",
        f"        gates = {tf}.matmul({tf}.concat([inputs, h], axis=1), self.kernel) + self.bias",
        f"        h = {_activation(tf, features)}(gates)",
        "        return h, [h]",
    ]


def _gru(kind: str, name: str, tf: str, features: Container[str]) -> list[str]:
    drawn = "kernel_initializer=initializer, " if "initializer" in features else ""
    gates, candidate = 'bias_initializer="ones"', ""
    parameters = []
    if "bias_initializer" in features:
        parameters = ["bias_initializer=None"]
        gates = 'bias_initializer=bias_initializer or "ones"'
        candidate = 'bias_initializer=bias_initializer or "zeros", '
    activation = "activation" if "activation" in features else f"{tf}.tanh"
    dense = f"{tf}.keras.layers.Dense"
    return [
        *_head(kind, name, tf, features, parameters),
        "        self.state_size = num_units",
        f'        self.gates = {dense}(2 * num_units, {tf}.sigmoid, {drawn}{gates}, name="gates")',
        f'        self.candidate = {dense}(num_units, {activation}, {drawn}{candidate}name="candidate")',
        "",
        "    def build(self, input_shape):",
        "        self.gates.build([None, input_shape[-1] + self.state_size])",
        "        self.candidate.build([None, input_shape[-1] + self.state_size])",
        "",
        "    def call(self, inputs, state):",
        "        [h] = state",
        f"        r, u = {tf}.split(self.gates({tf}.concat([inputs, h], axis=1)), 2, axis=1)",
        f"        c = self.candidate({tf}.concat([inputs, r * h], axis=1))",
        "        h = u * h + (1 - u) * c",
        "        return h, [h]",
    ]


def _lstm(kind: str, name: str, tf: str, features: Container[str]) -> list[str]:
    """BasicLSTMCell, LSTMCell and LSTMBlockCell, with the connections that `features` names."""
    clips = [one for one in ("cell_clip", "proj_clip") if one in features]
    projected = "num_proj" in features
    height = "num_proj" if projected else "num_units"
    parameters = [*(["num_proj"] if projected else []), "forget_bias=1.0", *(f"{one}=None" for one in clips)]
    lines = [
        *_head(kind, name, tf, features, parameters),
        *_kept(features, "num_units", *(["num_proj"] if projected else []), "forget_bias", *clips),
        f"        self.state_size = [num_units, {height}]  # c and h",
    ]
    drawn = "initializer=self.initializer" if "initializer" in features else ""
    if projected:
        lines.append("        self.output_size = num_proj")
        given = ", kernel_initializer=initializer" if drawn else ""
        lines.append(
            f'        self.projection = {tf}.keras.layers.Dense(num_proj, use_bias=False{given}, name="projection")'
        )
    lines += _weights(features, f"self.{height}", "4 * self.num_units")
    peepholes = peephole_names(kind, features)
    if drawn and peepholes:
        lines += [
            f"        for name in {peepholes}:".replace("'", '"'),
            "            again = self.initializer and type(self.initializer).from_config(self.initializer.get_config())",
            "            setattr(self, name, self.add_weight(name=name, shape=[self.num_units], initializer=again))",
        ]
    else:
        lines += [f'        self.{one} = self.add_weight(name="{one}", shape=[self.num_units])' for one in peepholes]
    if projected:
        lines.append("        self.projection.build([None, self.num_units])")
    return [*lines, "", "    def call(self, inputs, state):", *_lstm_step(tf, features, bool(peepholes))]


def peephole_names(kind: str, features: Container[str]) -> tuple[str, ...]:
    """The peephole weights in the order in which TF1 makes them."""
    if "peepholes" not in features:
        return ()
    order = ("w_i_diag", "w_f_diag") if kind == "LSTMBlockCell" else ("w_f_diag", "w_i_diag")
    return (*order, "w_o_diag")


def _lstm_step(tf: str, features: Container[str], peepholes: bool) -> list[str]:
    activation = _activation(tf, features)
    see_f, see_i, see_o = (f" + self.w_{gate}_diag * c" if peepholes else "" for gate in "fio")
    lines = [
        "        c, h = state",
        f"        gates = {tf}.matmul({tf}.concat([inputs, h], axis=1), self.kernel) + self.bias",
        f"        i, j, f, o = {tf}.split(gates, 4, axis=1)",
        f"        c = c * {tf}.sigmoid(f + self.forget_bias{see_f}) + {tf}.sigmoid(i{see_i}) * {activation}(j)",
    ]
    if "cell_clip" in features:
        lines += _clip(tf, "c", "cell_clip")
    lines.append(f"        h = {activation}(c) * {tf}.sigmoid(o{see_o})")
    if "num_proj" in features:
        lines.append("        h = self.projection(h)")
    if "proj_clip" in features:
        lines += _clip(tf, "h", "proj_clip")
    return [*lines, "        return h, [c, h]"]


def _clip(tf: str, name: str, setting: str) -> list[str]:
    return [
        f"        if self.{setting} is not None:",
        f"            {name} = {tf}.clip_by_value({name}, -self.{setting}, self.{setting})",
    ]


# -- wrappers -----------------------------------------------------------------------------------------------------------


def wrapper(kind: str, name: str, tf: str, features: Container[str]) -> str:
    """The class of a wrapper around a cell."""
    rates = [one for one in ("input_keep_prob", "output_keep_prob") if one in features]
    body = ["outputs, state = self.cell(inputs, state)"]
    if kind == "ResidualWrapper":
        body.append("outputs = inputs + outputs")
    if "input_keep_prob" in rates:
        body.insert(0, f"inputs = {tf}.nn.dropout(inputs, rate=1 - self.input_keep_prob)")
    if "output_keep_prob" in rates:
        body.append(f"outputs = {tf}.nn.dropout(outputs, rate=1 - self.output_keep_prob)")
    lines = [
        f"class {name}({tf}.keras.layers.Layer):",
        f"    {DOCS[kind]}",
        "",
        f"    def __init__(self, cell, {''.join(f'{one}=1.0, ' for one in rates)}name=None):",
        "        super().__init__(name=name)",
        "        self.cell = cell",
        *_kept((), *rates),
        "        self.state_size = cell.state_size",
        *(["        self.output_size = cell.output_size"] if "num_proj" in features else []),
        "",
        "    def build(self, input_shape):",
        "        self.cell.build(input_shape)",
        "",
        "    def call(self, inputs, state):",
        *(f"        {line}" for line in [*body, "return outputs, state"]),
    ]
    return "\n".join(lines) + "\n"
