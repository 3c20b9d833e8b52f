"""The models of ``generator``: files that a node lists without a function."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from pypeline.config.fields import Boolean, Model, problem
from pypeline.config.generator_fields import (  # noqa: TC001 - pydantic reads them
    BucketName,
    Endpoint,
    Fixed,
    Folder,
    Limit,
    Offset,
    Pattern,
    Root,
    SecretReference,
    Size,
    Template,
)
from pypeline.runs.listing import Bucket, Listing


class _Files(Model):
    """What every kind of storage takes."""

    pattern: Annotated[
        Pattern | None,
        Field(description="Only files whose name fits this glob; may hold `${payload.*}`."),
    ] = None
    recursive: Annotated[Boolean, Field(description="List the folders beneath, too.")] = False
    limit: Annotated[Limit, Field(description="At most so many; may be one `${payload.*}`.")] = None
    offset: Annotated[Offset, Field(description="Leave out so many of the files first.")] = 0
    size_limit: Annotated[Size, Field(description="Leave out files of more bytes.")] = None
    return_full_path: Annotated[Boolean, Field(description="Put the bucket or the root before each key.")] = (
        True
    )

    def _shared(self) -> dict[str, Any]:
        return {
            "pattern": self.pattern,
            "limit": self.limit,
            "offset": self.offset,
            "size_limit": self.size_limit,
            "recursive": self.recursive,
            "full_path": self.return_full_path,
        }


class S3Files(_Files):
    """Lists the objects of a bucket."""

    type: Literal["s3"]
    bucket: Annotated[BucketName, Field(description="The bucket; no `${payload.*}` here.")]
    prefix: Annotated[Template, Field(description="Only keys that begin so; may hold `${payload.*}`.")] = ""
    region: Annotated[Fixed | None, Field(description="The region of the bucket.")] = None
    endpoint_url: Annotated[
        Endpoint | None,
        Field(description="For stores that are not Amazon's; no `${payload.*}` here."),
    ] = None
    access_key: Annotated[
        SecretReference | None,
        Field(description="`${VAR}` alone: the variable of the workers that holds it."),
    ] = None
    secret_key: Annotated[
        SecretReference | None,
        Field(description="`${VAR}` alone: the variable of the workers that holds it."),
    ] = None

    @model_validator(mode="after")
    def _has_both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise problem("has one of `accessKey` and `secretKey`", "write both, or neither of them")
        return self

    def listing(self) -> Listing:
        """The files, as a plan has them."""
        bucket = Bucket(
            region=self.region,
            endpoint=self.endpoint_url,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )
        return Listing(place=self.bucket, bucket=bucket, beginning=self.prefix, **self._shared())


class LocalFiles(_Files):
    """Lists the files of a folder of the worker's machine."""

    type: Literal["local"]
    root: Annotated[
        Root,
        Field(description="The folder that no path leaves; no `${payload.*}` here."),
    ]
    path: Annotated[
        Folder,
        Field(description="A folder beneath the root; may hold `${payload.*}`."),
    ] = ""

    def listing(self) -> Listing:
        """The files, as a plan has them."""
        return Listing(place=self.root, beginning=self.path, **self._shared())


Files: TypeAlias = S3Files | LocalFiles
