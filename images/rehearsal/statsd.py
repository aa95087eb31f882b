"""Stands for CloudWatch's agent in a rehearsal where its image can't be had: statsd in, metrics out. In a container."""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import boto3

PORT = 8125
EVERY = 5.0


def main() -> None:
    """Add up what arrives on UDP 8125, and publish it every five seconds."""
    config = json.loads(os.environ["CW_CONFIG_CONTENT"])
    namespace = config["metrics"]["namespace"]
    # The agent names a metric so; alarms look for that name.
    separator = config["metrics"]["metrics_collected"]["statsd"]["metric_separator"]
    client = boto3.client("cloudwatch")
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("0.0.0.0", PORT))  # noqa: S104 - of the task's own network
    receiver.settimeout(1)
    sums: dict[str, float] = {}
    due = time.monotonic() + EVERY
    while True:
        try:
            for line in receiver.recv(65_536).decode(errors="replace").splitlines():
                name, _, value = line.partition(":")
                name = name.replace(".", separator)
                sums[name] = sums.get(name, 0.0) + float(value.partition("|")[0])
        except (TimeoutError, ValueError):
            pass
        if time.monotonic() > due and sums:
            data = [{"MetricName": name, "Value": value} for name, value in list(sums.items())[:900]]
            client.put_metric_data(Namespace=namespace, MetricData=data)
            print(f"published {len(data)} metrics", file=sys.stderr, flush=True)
            sums.clear()
            due = time.monotonic() + EVERY


if __name__ == "__main__":
    main()
