"""The stack as AWS resources: one file a concern."""
