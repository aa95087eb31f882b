"""The tests' stand-in for pulumi-aws: its resources as calls of AWS, answered by moto."""
