"""The `tf-modernize` command; also `python -m tf_modernize.cli`.

Only click is imported here: a command imports what it needs when it runs, so that `--help` stays quick.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

import click

from .checkpoint import checkpoint
from .rules import explain, rules
from .upgrade import upgrade
from .verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tf-modernize", prog_name="tf-modernize")
def cli() -> None:
    """Takes TensorFlow 1 programs to native TensorFlow 2 / Keras 3, and says why where it does not."""


cli.add_command(upgrade)
cli.add_command(checkpoint)
cli.add_command(verify)
cli.add_command(explain)
cli.add_command(rules)


def main() -> None:
    """Runs the command. Whatever goes wrong ends in a sentence and an exit code, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a narrow locale must not stop the run
    _clean_up_when_terminated()
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: what was not yet written stays as it was.", err=True)
        code = 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:  # a full disk behind standard output, a folder that is gone
        place = error.filename or ("standard output" if _is_somewhere() else "the current folder")
        click.echo(f"{place}: can't be used ({(error.strerror or type(error).__name__).lower()}).", err=True)
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what could not be written is not tried again at the end
        code = 2
    except Exception as error:
        import traceback

        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.name}, {os.path.basename(last.filename)}:{last.lineno}"
        click.echo(f"Internal error: {type(error).__name__}: {error} ({place}); please report it.", err=True)
        code = 2
    gc.freeze()  # spares the interpreter a last search through what ends with it anyway
    sys.exit(code if isinstance(code, int) else 0)


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _clean_up_when_terminated() -> None:
    """Has what `timeout` and CI send end the command as an exception does: temporary folders go, and programs that it runs."""

    def end(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, end)


if __name__ == "__main__":
    main()
