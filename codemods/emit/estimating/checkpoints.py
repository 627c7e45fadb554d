"""A CheckpointManager that saves as TensorFlow 1's sessions did: at the start, every so many steps or seconds, at the end."""

from __future__ import annotations

from ..context import Context
from ..text import call_lines


class Checkpoints:
    """The lines that restore and save; `steps` and `seconds` are expressions, at most one of them."""

    def __init__(
        self, context: Context, path: str, step: str, directory: str, keep: str, steps: str, seconds: str
    ) -> None:
        self.context = context
        self.path = path
        self.step = step
        self.steps = steps
        self.seconds = seconds
        self.late = False
        self.manager = context.fresh("manager")
        self.saved_at = context.fresh("saved_at") if seconds else ""
        self.arguments = [directory, f"max_to_keep={keep}", 'checkpoint_name="model.ckpt"']
        if steps:
            self.arguments += [f"step_counter={step}", f"checkpoint_interval={steps}"]
        if seconds:
            context.need(path, "time", "import time")

    def made(self, held: str, late: bool, checkpoint: str = "") -> list[str]:
        """The manager, with the newest checkpoint restored. `late`: there is nothing to save before the first step."""
        tf, tab = self.context.tf(self.path), self.context.indent(self.path)
        self.late = late
        name = checkpoint or self.context.fresh("checkpoint")
        return [
            *([] if checkpoint else [f"{name} = {tf}.train.Checkpoint({held})"]),
            *call_lines(f"{self.manager} = {tf}.train.CheckpointManager", [name, *self.arguments], tab),
            f"{self.manager}.restore_or_initialize()",
        ]

    @property
    def saves(self) -> bool:
        return bool(self.steps or self.seconds)

    def begun(self) -> list[str]:
        """Before the first step."""
        first = [] if self.late or not self.saves else [f"{self.manager}.save(checkpoint_number={self.step})"]
        return [*first, *([f"{self.saved_at} = time.time()"] if self.seconds else [])]

    def after_step(self) -> list[str]:
        tab = self.context.indent(self.path)
        save = f"{self.manager}.save(checkpoint_number={self.step})"
        if self.steps:
            return [save]
        if self.seconds:
            return [
                f"if time.time() - {self.saved_at} >= {self.seconds}:",
                tab + save,
                f"{tab}{self.saved_at} = time.time()",
            ]
        return []

    def ended(self) -> list[str]:
        at_once = ", check_interval=False" if self.steps else ""
        return [f"{self.manager}.save(checkpoint_number={self.step}{at_once})"] if self.saves else []
