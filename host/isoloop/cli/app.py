"""The commands and their options. Each imports what it needs when it runs: `isoloop --help` costs a tenth of a second."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from isoloop import __version__, jsonout
from isoloop.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OK, ErrorDocument, IsoloopError, TargetError

EXIT_BUG = 70
"""EX_SOFTWARE: a traceback of ours. Python's own 1 would read as a failed expectation."""

app = typer.Typer(
    name="isoloop",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Fly flight-style thermal-control firmware against a leaking coolant loop.\n\n"
        "\b\n"
        "isoloop run ms22                  the 0.8 mm hole of Soyuz MS-22, noticed and closed off\n"
        "isoloop scenarios                 what else is built in\n"
        "isoloop run my.toml --seeds 1-20  your own scenario, twenty times\n"
        "isoloop replay log.csv --map skab a recorded log through the same firmware\n\n"
        "Exit codes: 0 every expectation held, 1 an expectation failed, 2 bad usage or input, 3 the target died."
    ),
)

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on standard output, errors included.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that receives one folder a run.")]
Target = Annotated[
    str, typer.Option("--target", metavar="T", help="What runs the firmware: unix, unix32, pico, serial:PORT, rig:FILE.toml.")
]
OUT_DEFAULT = Path("isoloop-runs")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"isoloop {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)] = False,
) -> None:
    pass


@app.command("run", no_args_is_help=False)
def run_command(
    scenarios: Annotated[list[str], typer.Argument(metavar="SCENARIO...", help="Built-in names or TOML files.", show_default=False)],
    target: Target = "unix",
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Instead of the scenario's own seed.", show_default=False)] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="A-B", help="One run a seed, both ends included.", show_default=False)
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", metavar="N", help="Fly the same seed N times: flake detection.")] = 1,
    out: Out = OUT_DEFAULT,
    speed: Annotated[str, typer.Option("--speed", metavar="max|1x|Nx", help="How fast scenario time passes.")] = "max",
    jobs: Annotated[int | None, typer.Option("--jobs", metavar="N", help="Runs at a time; default one a core.", show_default=False)] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit XML report.", show_default=False)] = None,
    json: Json = False,
) -> int:
    """Fly scenarios closed loop and judge them by their expectations.

    \b
    isoloop run ms22
    isoloop run ms22 ms21 pinhole --seeds 1-20 --jobs 2
    isoloop run my.toml --out /tmp/runs --json
    isoloop run ms22 --speed 1x        watch it in real time

    Each run writes OUT/<scenario>-<target>-s<seed>[-rN]/ with summary.json, telemetry.csv, events.csv, truth.csv, link.bin and
    report.html; a folder of that name is replaced whole.
    """
    from isoloop.cli.request import RunRequest
    from isoloop.cli.run import run

    request = RunRequest(scenarios, target, seed, seeds, repeat, out, speed, jobs, junit, json)
    return run(request)


@app.command("scenarios")
def scenarios_command(json: Json = False) -> int:
    """List the built-in scenarios, a line each."""
    from isoloop.cli.scenarios import list_scenarios

    return list_scenarios(json)


@app.command("replay")
def replay_command(
    log: Annotated[Path, typer.Argument(metavar="LOG.csv", help="The recorded log.", show_default=False)],
    map_: Annotated[
        str, typer.Option("--map", metavar="MAP", help="Which column is which channel: a TOML file or a built-in name (skab).")
    ],
    target: Target = "unix",
    out: Out = OUT_DEFAULT,
    json: Json = False,
) -> int:
    """Feed a recorded log, open loop, through the firmware and report what it would have done.

    \b
    isoloop replay pump-test.csv --map skab
    isoloop replay flight.csv --map my-loop.toml --json
    """
    from isoloop.cli.replay import replay

    return replay(log, map_, target, out, json)


@app.command("report")
def report_command(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A folder that `run` or `replay` wrote.", show_default=False)],
    json: Json = False,
) -> int:
    """Build (or rebuild) the HTML report of a run.

    \b
    isoloop report isoloop-runs/ms22-unix-s1
    """
    from isoloop.cli.report import report

    return report(run_dir, json)


Port = Annotated[str, typer.Argument(metavar="PORT", help="A pyserial URL: /dev/ttyACM0, socket://127.0.0.1:5000.", show_default=False)]
Baud = Annotated[int, typer.Option("--baud", metavar="N", help="Of a real port.", min=1200)]


@app.command("emulate")
def emulate_command(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A built-in name or a TOML file.")] = "nominal-orbit",
    target: Target = "unix",
    pty: Annotated[bool, typer.Option("--pty", help="A pseudo-terminal that any serial program can open, instead of a TCP port.")] = False,
) -> int:
    """Keep an emulated, plant-driven firmware running in real time until Ctrl-C.

    \b
    isoloop emulate --pty              the first line is the port: isoloop monitor /dev/pts/N
    isoloop emulate ms22               with the leak of that scenario
    """
    from isoloop.cli.emulate import emulate

    return emulate(scenario, target, pty)


@app.command("monitor")
def monitor_command(
    port: Annotated[str | None, typer.Argument(metavar="PORT", help="A pyserial URL.", show_default=False)] = None,
    log: Annotated[Path | None, typer.Option("--log", metavar="FILE", help="Keep every byte of the link.", show_default=False)] = None,
    replay: Annotated[Path | None, typer.Option("--replay", metavar="FILE", help="A log, or a run's link.bin.", show_default=False)] = None,
    baud: Baud = 115200,
) -> int:
    """Show what comes down the link: values, valves, events, quality.

    \b
    isoloop monitor /dev/ttyACM0 --log today.log
    isoloop monitor --replay isoloop-runs/ms22-unix-s1/link.bin
    """
    from isoloop.cli.monitor import monitor

    return monitor(port, log, replay, baud)


@app.command("command")
def command_command(
    port: Port,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A telecommand of docs/dictionary.md.", show_default=False)],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Its arguments.", show_default=False)] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Longest wait in all, seconds.", min=0.1)] = 5.0,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Key file; default ~/.config/isoloop/keys.", show_default=False)
    ] = None,
    baud: Baud = 115200,
) -> int:
    """Send one telecommand and print its verification reports.

    \b
    isoloop command /dev/pts/3 ping
    isoloop command /dev/pts/3 valve_close valve=rad2_in --timeout 10

    Exit codes: 0 completed, 1 refused or failed, 3 no answer.
    """
    from isoloop.cli.command import command

    return command(port, name, arguments or [], timeout, key, baud)


@app.command("flash")
def flash_command(
    port: Annotated[str, typer.Argument(metavar="PORT", help="A serial port, or the drive of a board in BOOTSEL.", show_default=False)],
    board: Annotated[str, typer.Option("--board", metavar="B", help="Board file: which pin is what.")] = "reference",
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Its key; default: the one kept for it, or a new one.", show_default=False)
    ] = None,
    board_id: Annotated[
        str | None, typer.Option("--board-id", metavar="HEX", help="16 digits; default: the chip's own.", show_default=False)
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", metavar="FILE", help="What its channels measure, TOML.", show_default=False)
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also where another program is on the board; it is kept.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Longest wait for the new firmware to speak.", min=1.0)] = 30.0,
    json: Json = False,
) -> int:
    """Put isoloop on a board, and let the board say what runs there.

    \b
    isoloop flash /dev/ttyACM0         a board with MicroPython 1.23 or later, also one that runs isoloop already
    isoloop flash /media/me/RPI-RP2    a board plugged in with BOOTSEL held: the release image

    Until the last small write the board stays as it was.
    """
    from isoloop.cli.flash import flash

    return flash(port, board, key, board_id, calibration, replace, timeout, json)


@app.command("doctor")
def doctor_command(
    port: Annotated[str | None, typer.Argument(metavar="PORT", help="Also say what is behind this port.", show_default=False)] = None,
    json: Json = False,
) -> int:
    """Say what this host has, which boards are plugged in, what is missing and how to get it.

    \b
    isoloop doctor
    isoloop doctor /dev/ttyACM0
    """
    from isoloop.cli.flash import doctor

    return doctor(port, json)


@app.command("blackbox")
def blackbox_command(
    port: Annotated[str | None, typer.Argument(metavar="PORT", help="A pyserial URL.", show_default=False)] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="FILE", help="A log of the link, or a run's link.bin.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the captures go.")] = Path("."),
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Longest wait for each answer, seconds.", min=0.1)] = 5.0,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Key file; default ~/.config/isoloop/keys.", show_default=False)
    ] = None,
    baud: Baud = 115200,
) -> int:
    """Fetch what the board's black box kept around its alarms: every tick, as CSV.

    \b
    isoloop blackbox /dev/ttyACM0 --out captures
    isoloop blackbox --replay today.log
    """
    from isoloop.cli.blackbox import blackbox

    return blackbox(port, replay, out, timeout, key, baud)


@app.command("xtce")
def xtce_command() -> int:
    """Print the telemetry and telecommand database as XTCE."""
    from isoloop.link.xtce import render_xtce

    print(render_xtce(), end="")
    return EXIT_OK


@app.command("bench")
def bench_command(
    name: Annotated[str, typer.Argument(metavar="detector|cycle|emulator|link", help="Which figures.", show_default=False)],
    full: Annotated[bool, typer.Option("--full", help="The whole measurement, however long.")] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(metavar="nuisance|leaks|conditions|rate|peers|epa|speed", help="Of detector: this part alone. May be repeated."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Of detector: fly again what earlier runs of the same sources flew.")] = False,
    json: Json = False,
) -> int:
    """Measure, and compare with what is wanted.

    \b
    isoloop bench detector             delays, false alarms, rate estimate, side by side with peers
    isoloop bench detector --full --part rate
    isoloop bench emulator             closed-loop ticks a second on one core

    Exit code 1 when a figure that is not wall time misses.
    """
    from isoloop.cli.bench import bench

    return bench(name, full, json, part or (), again)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point of the console script: every ending is an exit code, and every refusal one sentence."""
    argv = sys.argv[1:] if arguments is None else arguments
    try:
        code = _invoke(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has left (`| head`): nothing is wrong and nothing can be said
        code = _hang_up()
    except Exception:
        traceback.print_exc()
        code = EXIT_BUG
    sys.exit(code)


def _invoke(argv: list[str]) -> int:
    try:
        result = app(args=argv, prog_name="isoloop", standalone_mode=False)
    except IsoloopError as error:
        if isinstance(error, TargetError) and error.traceback:
            print(error.traceback.rstrip(), file=sys.stderr)
        return _refuse(argv, error.document(), str(error), error.exit_code)
    except typer.TyperException as error:
        text = error.format_message()
        if "\n" in text:  # no arguments at all: the help is the message
            print(text, file=sys.stderr)
            return EXIT_INPUT
        return _refuse(argv, {"file": None, "line": None, "key": None, "text": text}, f"{text} (see isoloop --help)", EXIT_INPUT)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except SystemExit:  # Typer's own answer to a broken pipe, with a code that means something else here
        return _hang_up()
    return result if isinstance(result, int) else EXIT_OK


def _hang_up() -> int:
    """Make the interpreter's last flush of standard output harmless."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return EXIT_OK


def _refuse(argv: list[str], document: ErrorDocument, sentence: str, code: int) -> int:
    """One sentence on stderr, or the one JSON document on stdout when `--json` was asked for."""
    if "--json" in argv:
        jsonout.emit({"ok": False, "error": document})
    print(f"isoloop: {sentence}", file=sys.stderr)
    return code
