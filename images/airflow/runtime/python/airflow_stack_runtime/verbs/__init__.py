"""Programs that are run beside a role, by its container or in one of their own: ``bin/`` names them."""
