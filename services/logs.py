"""The lines that processes log: JSON on standard error, with a failure's frames and none of its values, which may be of people or secret."""

import sys

import structlog


def configure() -> None:
    """Log so. For every process, also those that another one begins."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the one there is when something is said
    )
