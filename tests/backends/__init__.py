"""Resources of the backends, recorded by Pulumi's own mocks."""
