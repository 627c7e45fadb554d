"""Estimators as plain loops: what the model function made once stands where the Estimator was made, each mode is a function.

`train` becomes a loop over the dataset of its input function, `evaluate` one that updates metrics, and `predict` a generator of
single predictions. The model function itself goes.
"""

from __future__ import annotations

import ast
from collections.abc import Set as AbstractSet

from ...graph.expressions import MODES
from ...graph.frames import Frame, Use
from ...graph.ops.estimators import RunConfig
from ...graph.values import Estimator, InputFn, Known, Spec, Value
from ...plan.executions import FunctionPlan, Run
from .. import savers
from ..context import Context, quoted
from ..native_imports import numpy_name
from ..text import WIDTH, dict_text, snake
from . import hoisting, input_functions
from .checkpoints import Checkpoints
from .metrics import SETTINGS, constructor
from .monitored import told_lines


def prepare(context: Context) -> None:
    """Takes the names of Estimators over, before anything is written."""
    for path in context.modules:
        for use in context.names[path].uses:
            if use.name in MODES:
                context.edits[path].replace(use.node, quoted(MODES[use.name]))
                context.own(use.node)
    for node, values in context.run.meanings.items():
        if isinstance(node, ast.Call) and any(isinstance(value, (Spec, Estimator, InputFn)) for value in values):
            context.owned.add(node.func)
    for function in context.plan.functions:
        for one in function.runs[0].metrics if not function.plain else []:
            if isinstance(one.metric.node, ast.Call):
                context.owned.add(one.metric.node.func)
            context.metrics[one.metric] = _free(context, snake(one.key))
        if function.mode == "train" and function.runs[0].recorded:
            _record(context, function)
    input_functions.prepare(context)
    for value in context.run.values:
        if isinstance(value, Estimator) and value.model_fn is not None:
            _unused(context, value)


def _record(context: Context, function: FunctionPlan) -> None:
    """The head of the block that writes a training's summaries: at every so many steps."""
    use = function.runs[0].execution.use
    assert use is not None and isinstance(use.owner, Estimator)
    graph, config = use.owner.graph, use.owner.values.get("config")
    path = use.chain[-1].frame.module.path
    step = context.steps.get(graph.store["global_step"]) if graph is not None else None
    given = config.nodes.get("save_summary_steps") if isinstance(config, RunConfig) else None
    steps = context.edits[path].render(given) if given is not None else "100"
    tf, writer = context.tf(path), context.fresh("writer")
    context.estimator_writers[use.owner] = writer
    for run in function.runs:
        context.recordings[run] = (
            f"with {writer}.as_default(step={step} + 1), {tf}.summary.record_if({step} % {steps} == 0):"
        )


def _unused(context: Context, value: Estimator) -> None:
    """What a model function holds for modes that the program never runs goes with it, and is told."""
    assert value.model_fn is not None
    definition, path = value.model_fn.node, value.model_fn.frame.module.path
    used = {node for frame in context.run.activations.get(definition, []) for node in frame.statements}
    unused = [
        node
        for node in ast.walk(definition)
        if isinstance(node, ast.stmt) and node is not definition and node not in used and context.parents[node] in used
    ]
    for node in unused:
        context.own(node)
    if unused:
        first = min(unused, key=lambda node: node.lineno)
        modes = ", ".join(sorted({*MODES.values()} - value.specs.keys()))
        message = f"the program never runs the model function's code for {modes or 'another case'}, which is gone"
        context.note("unused-mode", "TFM922", message, first, path)


def _free(context: Context, name: str) -> str:
    return context.fresh(name if name.isidentifier() and name not in context.taken else f"{name}_metric")


def write(context: Context) -> None:
    """Writes every Estimator."""
    found = [value for value in context.run.values if isinstance(value, Estimator)]
    for value in found:
        if len(found) > 1:
            raise context.stop("several Estimators", value.node or ast.Pass(), value.chain[-1].frame.module.path)
        _Writer(context, value).write()


def _defined(text: str) -> str:
    """The name of the function that a text defines."""
    return next(node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))


class _Writer:
    """One Estimator, with the names of what it becomes."""

    def __init__(self, context: Context, value: Estimator) -> None:
        self.context = context
        self.value = value
        self.statement = value.chain[-1]
        self.frame = self.statement.frame
        self.path = self.frame.module.path
        self.moves = context.moves[self.path]
        self.edits = context.edits[self.path]
        self.tab, self.tf = context.indent(self.path), context.tf(self.path)
        uses = {use.node: use for use in context.run.uses if use.owner is value}  # a loop may be read several times
        self.uses = list(uses.values())
        self.functions = {one.mode: one for one in context.plan.functions if one.mode and not one.plain}
        self._check()
        assert value.graph is not None
        step = context.steps.get(value.graph.store["global_step"])
        if step is None:
            raise self._stop("an Estimator that is not trained, or whose step nothing counts")
        self.step = step
        self.checkpoints: Checkpoints | None = None
        self.mean_loss = context.fresh("mean_loss") if "evaluate" in self.functions else ""
        several = sum(use.method == "train" for use in self.uses) > 1
        self.names = {
            method: context.fresh(method)
            for method in ("train", "evaluate", "predict")
            if method in self.functions and (method != "train" or several)
        }
        self.setup: list[str] = []

    def _stop(self, message: str) -> Exception:
        return self.context.stop(message, self.value.node or self.statement.node, self.path)

    def _check(self) -> None:
        """What uses the Estimator and its model function must all be known."""
        node = self.statement.node
        assert self.value.model_fn is not None
        definition = self.value.model_fn.node
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            raise self._stop("an Estimator that is not bound to a name")
        if self.value.model_fn.frame.module.path != self.path or not isinstance(definition, ast.FunctionDef):
            raise self._stop("an Estimator whose model function is in another module")
        for name, count in ((node.targets[0].id, len(self.uses)), (definition.name, 1)):
            loads = [
                part
                for part in ast.walk(self.frame.module.tree)
                if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
            ]
            if len(loads) != count:
                raise self._stop(f"an Estimator with another use of `{name}`")
        for use in self.uses:
            if use.chain[-1].frame is not self.frame:
                raise self._stop("an Estimator that another function uses")

    def write(self) -> None:
        context = self.context
        self._checkpoints()
        moved = hoisting.of(context, self.value)
        for function in self.functions.values():
            if function.mode == "evaluate":
                for one in function.runs[0].metrics:
                    if any(key in one.metric.arguments for key in SETTINGS.get(one.metric.name, ())):
                        raise self._stop(f"tf.metrics.{one.metric.name} with settings in a model function")
                    made = constructor(context, one.metric, self.path, self.tf)
                    self.setup.append(f"{context.metrics[one.metric]} = {made}")
                self.setup.append(f"{self.mean_loss} = {self.tf}.keras.metrics.Mean()")
        lines = [*moved.setup, *self.setup]
        order = [one.name for one in self.functions.values()]
        functions = sorted(moved.functions, key=lambda text: order.index(_defined(text)))
        functions.extend(self._written())
        text = "\n".join([*lines, *functions])
        self.moves.before.setdefault(self.statement.node, []).extend(moved.classes)
        self.moves.dropped.discard(self.statement.node)
        self.moves.replaced[self.statement.node] = text
        for use in self.uses:
            self._call(use)
        message = (
            "the Estimator also logged its loss and speed, and wrote its graph, loss and what it evaluated for TensorBoard; "
            "the plain loops do not"
        )
        context.note("session-reports", "TFM921", message, self.value.node or self.statement.node, self.path)

    # -- checkpoints ----------------------------------------------------------------------------------------------------

    def _given(self, name: str, configured: str = "") -> ast.expr | None:
        """An argument of the Estimator, or of its configuration; None where it is not given or None."""
        config = self.value.values.get("config")
        places: list[tuple[dict[str, ast.expr], dict[str, Value]]] = [(self.value.arguments, self.value.values)]
        if isinstance(config, RunConfig):
            places.append((config.nodes, config.values))
        for nodes, values in places:
            for key in (name, configured):
                value = values.get(key)
                if key in nodes and not (isinstance(value, Known) and value.value is None):
                    return nodes[key]
        return None

    def _checkpoints(self) -> None:
        context = self.context
        config = self.value.values.get("config")
        if config is not None and not isinstance(config, RunConfig) and not isinstance(config, Known):
            raise self._stop("an Estimator whose configuration is not known")
        for unusual in (
            "train_distribute",
            "eval_distribute",
            "experimental_distribute",
            "keep_checkpoint_every_n_hours",
        ):
            if self._given(unusual) is not None:
                raise self._stop(f"an Estimator with {unusual}")
        seed = self._given("tf_random_seed")
        if seed is not None:
            self.setup.append(f"{self.tf}.random.set_seed({self.edits.render(seed)})")
        directory = self._given("model_dir")
        if directory is None:
            return
        graph = self.value.graph
        assert graph is not None
        inner = next(iter(context.units.homes))
        where = self.value.node or self.statement.node
        entries = savers.checkpoint_entries(context, graph, list(graph.variables), False, inner, where, self.path)
        steps, seconds = self._given("save_checkpoints_steps"), self._given("save_checkpoints_secs")
        keep = self._given("keep_checkpoint_max")
        render = self.edits.render
        self.checkpoints = Checkpoints(
            context,
            self.path,
            self.step,
            render(directory),
            render(keep) if keep is not None else "5",
            render(steps) if steps is not None else "",
            "" if steps is not None else render(seconds) if seconds is not None else "600",
        )
        held = ", ".join(f"{key}={value}" for key, value in entries)
        owners = {context.models.owner(variable) for variable in graph.variables}
        late = any(made in owners or made.root in owners for made, _, _ in context.unbuilt)
        self.setup += self.checkpoints.made(held, late)
        if self.value in context.estimator_writers:
            name = context.estimator_writers[self.value]
            self.setup.append(f"{name} = {self.tf}.summary.create_file_writer({render(directory)})")
        if late:
            message = (
                "the first checkpoint comes after the first steps: the model makes its variables at its first call"
            )
            context.note("first-checkpoint", "TFM403", message, where, self.path)

    # -- data -----------------------------------------------------------------------------------------------------------

    def _data(self, use: Use) -> str:
        """The dataset that a call goes through."""
        text = input_functions.dataset(self.context, use, self.path)
        steps = use.values.get("steps")
        if "steps" in use.arguments and not (isinstance(steps, Known) and steps.value is None):
            text += f".take({self.edits.render(use.arguments['steps'])})"
        most = use.values.get("max_steps")
        if "max_steps" in use.arguments and not (isinstance(most, Known) and most.value is None):
            limit = self.edits.render(use.arguments["max_steps"])
            trained = [other for other in self.uses if other.method == "train"]
            looped = any(isinstance(one.node, (ast.For, ast.While)) for one in use.chain)
            first = trained[0] is use and self.checkpoints is None and not looped
            text += f".take({limit})" if first else f".take(max({limit} - int({self.step}), 0))"
        return text

    def _names(self, function: FunctionPlan, use: Use, taken: AbstractSet[str] = frozenset()) -> tuple[str, str]:
        """The target of a loop over the data, and the arguments of the function within it."""
        assert self.value.model_fn is not None and isinstance(self.value.model_fn.node, ast.FunctionDef)
        parameters = [
            one.arg for one in self.value.model_fn.node.args.args if one.arg not in {"mode", "params", "config"}
        ]
        bound = {name: f"batch_{name}" if name in taken else name for name in parameters[:2]}
        pairs = {one.values["labelled"].value for one in self.uses if one.method == use.method}  # type: ignore[attr-defined]
        if len(pairs) > 1:
            raise self._stop(f"an Estimator's {use.method} with labels here and without them there")
        pair = pairs == {True}
        wanted = [one.name for one in function.parameters]
        targets = [bound[name] if name in wanted else "_" for name in parameters[:2]]
        if pair and len(targets) < 2:
            targets.append("_")
        target = ", ".join(targets) if pair else targets[0]
        if not pair and any(name not in parameters[:1] for name in wanted):
            raise self._stop("a model function that reads labels of data that has none")
        return target, ", ".join(bound[name] for name in wanted)

    def _bound(self) -> set[str]:
        frame: Frame | None = self.frame
        found: set[str] = set()
        while frame is not None:
            found.update(frame.bindings)
            frame = frame.parent
        return found

    # -- the methods ----------------------------------------------------------------------------------------------------

    def _written(self) -> list[str]:
        """The functions that calls of the Estimator's methods become."""
        texts = []
        for method, name in self.names.items():
            function = self.functions[method]
            use = next(one for one in self.uses if one.method == method)
            target, arguments = self._names(function, use)
            lines = {"train": self._trained, "evaluate": self._evaluated, "predict": self._predicted}[method](
                f"for {target} in dataset:", f"{function.name}({arguments})", "loss"
            )
            texts.append("\n".join([f"def {name}(dataset):", *(self.tab + line for line in lines)]) + "\n")
        return texts

    def _call(self, use: Use) -> None:
        """A call of a method: of its function, or the loop that trains where there is but one."""
        statement = use.chain[-1]
        if use.method == "train" and (not isinstance(statement.node, ast.Expr) or statement.node.value is not use.node):
            raise self._stop("an Estimator's train within an expression")
        if use.method in self.names:
            self.edits.replace(use.node, f"{self.names[use.method]}({self._data(use)})")
            return
        target, arguments = self._names(self.functions["train"], use, self._bound())
        loss = "loss" if "loss" not in self._bound() else self.context.fresh("loss_value")
        lines = self._trained(
            f"for {target} in {self._data(use)}:", f"{self.functions['train'].name}({arguments})", loss
        )
        self.moves.replaced[statement.node] = "\n".join(lines)

    def _trained(self, head: str, call: str, loss: str) -> list[str]:
        run = self.functions["train"].runs[0]
        for part in run.added:
            self.context.watched[part] = self.context.fresh(
                f"{snake((part.text or 'tensor').rpartition('[')[2]) or 'tensor'}_value"
            )
        names = [loss, *(self.context.watched[part] for part in run.added)]
        lines = [
            head,
            f"{self.tab}{loss} = {call}.numpy()"
            if not run.added
            else f"{self.tab}{', '.join(names)} = [value.numpy() for value in {call}]",
            f"{self.tab}if {numpy_name(self.context, self.path)}.isnan({loss}):",
            f'{self.tab}{self.tab}raise RuntimeError("NaN loss during training.")',
        ]
        counts, told = self._told(run, loss)
        lines = [*counts, *lines, *(self.tab + line for line in told)]
        if self.checkpoints is None:
            return lines
        saving = [self.tab + line for line in self.checkpoints.after_step()]
        writer = self.context.estimator_writers.get(self.value)
        flush = [f"{writer}.flush()"] if writer else []
        return [*self.checkpoints.begun(), *lines, *saving, *self.checkpoints.ended(), *flush]

    def _told(self, run: Run, loss: str) -> tuple[list[str], list[str]]:
        """What the hooks of a training log: lines before its loop, and lines within."""
        before: list[str] = []
        within: list[str] = []
        for hook in dict.fromkeys(watched.hook for watched in run.watched):
            values = []
            for watched in run.watched:
                if watched.hook is hook:
                    read = (
                        f"{self.step}.numpy()" if watched.part is None else self.context.watched.get(watched.part, loss)
                    )
                    if watched.part is None and watched.value not in self.context.steps:
                        raise self._stop("a hook that tells a variable")
                    values.append((watched.tag, read))
            lines = told_lines(self.context, hook, values, self.path, self.edits.render)
            every = hook.values.get("every_n_iter")
            if isinstance(every, Known) and every.value == 1:
                within += lines
                continue
            name = self.context.fresh("runs")
            before.append(f"{name} = 0")
            count = self.edits.render(hook.arguments["every_n_iter"])
            within += [f"if {name} % {count} == 0:", *(self.tab + line for line in lines), f"{name} += 1"]
        return before, within

    def _evaluated(self, head: str, call: str, loss: str) -> list[str]:
        metrics = {one.key: self.context.metrics[one.metric] for one in self.functions["evaluate"].runs[0].metrics}
        metrics["loss"] = self.mean_loss
        results = [f"{quoted(key)}: {name}.result().numpy()" for key, name in sorted(metrics.items())]
        results.append(f'"global_step": {self.step}.numpy()')
        result = dict_text(results, WIDTH - len("return ") - 2 * len(self.tab), "", self.tab)
        return [
            '"""Goes through a dataset once; gives the mean loss and the metrics."""',
            *(f"{name}.reset_state()" for name in metrics.values()),
            head,
            f"{self.tab}{self.mean_loss}.update_state({call})",
            *("return " + result).split("\n"),
        ]

    def _predicted(self, head: str, call: str, loss: str) -> list[str]:
        first = ['"""Yields the predictions one by one."""', head]
        if not hasattr(self.functions["predict"].runs[0].fetches, "keys"):
            return [*first, f"{self.tab}yield from {call}.numpy()"]
        values = f"{self.tf}.nest.map_structure(lambda value: value.numpy(), {call})"
        return [
            *first,
            f"{self.tab}predictions = {values}",
            f"{self.tab}for row in zip(*predictions.values()):",
            f"{self.tab}{self.tab}yield dict(zip(predictions, row))",
        ]
