"""In which order the tests on real containers run, and which of them share a stack."""

# Whatever uses a running stack comes in the order of that stack's life.
ORDER = (
    "test_bad_config",
    "test_preflight",
    "test_compose",
    "test_operate",
    "test_docs_commands",
    "test_entries",
    "test_doctor",
    "test_backup",
    "test_ui",
    "test_cut_off",
    "test_faults",
    "test_secrets",
    "test_pulumi",
    "test_config_changes",
    "test_pulumi_life",
)
# What has stacks of its own comes last of all tests, the longest first: it takes whichever process is free.
APART = (
    "test_rehearsal",
    "test_choices",
    "test_two_clones",
    "test_releases",
    "test_failing_starts",
    "test_isolation",
    "test_memory",
    "test_dags",
    "test_patches",
    "test_registry",
    "test_interrupted_up",
    "test_first_start",
)
