"""Load the config, deploy it to its target, say where it is."""

import gc
from pathlib import Path

import pulumi

from airflow_stack.backends.pulumi_program import clear_errors, end_quietly_when_interrupted, load
from airflow_stack.operations.target import target_of

program = Path(__file__).parent

# A program of seconds, whose memory nobody has to win back: the collector takes half of the time of importing an SDK.
gc.disable()
# The SDK tells the engine of each of its steps by a call that it waits for: some 700 for a stack on AWS. Only
# `pulumi --debug` would show them; what the engine itself says there stays.
pulumi.log.debug = lambda *_, **__: None
end_quietly_when_interrupted()
with clear_errors():
    config, secrets = load(program)
    for name, value in target_of(config, program, pulumi.get_stack()).deploy(secrets).exports().items():
        pulumi.export(name, value)
