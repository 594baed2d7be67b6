"""Blocks of prefect-aws, known here by their slugs alone, as where prefect-aws is not installed."""

from typing import Any

from prefect.blocks.core import Block
from pydantic import SecretStr


class AwsCredentials(Block):
    """Keys, and where they are for."""

    _block_type_name = "AWS Credentials"
    _block_type_slug = "aws-credentials"
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: str | None = None
    region_name: str | None = None
    profile_name: str | None = None
    assume_role_arn: str | None = None
    aws_client_parameters: dict[str, Any] = {}


class MinIOCredentials(Block):
    """The same for MinIO."""

    _block_type_name = "MinIO Credentials"
    _block_type_slug = "minio-credentials"
    minio_root_user: str
    minio_root_password: SecretStr
    region_name: str | None = None
    aws_client_parameters: dict[str, Any] = {}


class S3Bucket(Block):
    """A bucket, and a folder in it."""

    _block_type_name = "S3 Bucket"
    _block_type_slug = "s3-bucket"
    bucket_name: str
    bucket_folder: str = ""
    credentials: AwsCredentials | MinIOCredentials | None = None
