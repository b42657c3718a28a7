"""Why a month is not paid as usual, and why an office is asked to act: the same words for both."""

from enum import StrEnum


class Kind(StrEnum):
    """Why."""

    DEATH = "death"
    SUSPECTED_DEATH = "suspected-death"
    IDENTITY_MISMATCH = "identity-mismatch"
    DEATH_RETRACTED = "death-retracted"
    IMPRISONMENT = "imprisonment"
    LENIENCY = "leniency"
    CUSTODY = "custody"
    RELEASE = "release"
    RELEASE_DUE = "release-due"
    ACQUITTAL = "acquittal"
    MISSING = "missing"
    REAPPEARANCE = "reappearance"
    VERIFICATION_DUE = "verification-due"
    VERIFICATION_OVERDUE = "verification-overdue"
    SURVIVAL_VERIFIED = "survival-verified"
    DUPLICATE_BENEFIT = "duplicate-benefit"
    CONFLICT = "conflicting-facts"
    CORRECTION = "correction"
    NO_OFFICE = "relocation-without-office"
    SOURCE_SILENT = "source-silent"
