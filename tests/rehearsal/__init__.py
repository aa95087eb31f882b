"""The rehearsal, as far as it needs no container."""
