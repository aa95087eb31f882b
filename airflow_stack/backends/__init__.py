"""Turn the description into resources: with Pulumi's Docker provider, or as a Compose file."""
