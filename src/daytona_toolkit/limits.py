"""Every number that bounds what a session sends, keeps and shows."""

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024


class Limits(BaseModel):
    """Bounds on what a session sends, keeps and shows.

    Example:
        ```python
        SandboxSession(sandbox, limits=Limits(output_bytes=10_000))
        ```
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(
        default=20,
        ge=1,
        le=50,
        description=(
            "Seconds that one request waits for a command at most. Daytona's proxy and others on "
            "the way close requests that stay silent for a minute."
        ),
    )
    output_bytes: int = Field(
        default=30_000,
        ge=200,
        description="Bytes of each stream of a command that come back: the head and the tail.",
    )
    stream_bytes: int = Field(
        default=64 * MIB,
        ge=65_536,
        description=(
            "Bytes of each stream that the sandbox keeps; a command that prints more is stopped."
        ),
    )
    kept_jobs: int = Field(
        default=32,
        ge=1,
        description=(
            "Finished jobs of a session whose files stay for later reading, until it closes. Jobs "
            "whose end it has not seen are not among them, and stay."
        ),
    )
    kept_bytes: int = Field(
        default=256 * MIB,
        ge=0,
        description="Bytes of output of finished jobs that stay; the newest job's always do.",
    )
    kept_checkpoints: int = Field(
        default=1000,
        ge=1,
        description="Checkpoints of a root that stay; when there are a tenth more, the oldest go.",
    )
    read_lines: int = Field(default=2000, ge=1, description="Lines in one window of a file.")
    read_bytes: int = Field(default=50_000, ge=1000, description="Bytes in one window of a file.")
    line_chars: int = Field(
        default=2000,
        ge=80,
        description="Characters shown of one line; the rest is replaced by a hint.",
    )
    image_bytes: int = Field(
        default=3 * MIB, ge=0, description="Bytes of the largest picture that read returns."
    )
    inline_bytes: int = Field(
        default=512 * 1024,
        ge=0,
        description=(
            "Bytes that travel inside a request; more is uploaded first, in a request of its own. "
            "Where `sh` is bash or zsh, which read a program slowly, it is 32 KiB at most."
        ),
    )
    file_bytes: int = Field(
        default=32 * MIB,
        ge=0,
        description="Bytes of the largest file that edit works on and that read_bytes returns.",
    )
    cache_bytes: int = Field(
        default=64 * MIB,
        ge=0,
        description=(
            "Bytes of file content that the client remembers, so that it knows where an edit goes."
        ),
    )
    entries: int = Field(default=1000, ge=1, description="Entries that ls, glob and grep return.")
