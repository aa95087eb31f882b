"""Load the config, deploy it to its target, say where it is."""

import gc
from pathlib import Path

import pulumi

from airflow_stack import programs
from airflow_stack.backends.pulumi_program import clear_errors, end_quietly_when_interrupted, load

program = Path(__file__).parent

# A program of seconds, whose memory nobody has to win back: the collector takes half of the time of importing an SDK.
gc.disable()
end_quietly_when_interrupted()
with clear_errors():
    config, secrets = load(program)
    for name, value in programs.deploy(config, secrets, program, pulumi.get_stack()).exports().items():
        pulumi.export(name, value)
