"""AWS's STS and IAM, as moto has them: an account with a person's role, a machine's role and a robot, and every signature
checked. Says on its first line where it listens and what the robot signs with."""

from __future__ import annotations

import json
import time

import boto3
from moto import settings
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

ROLES = ("AWSReservedSSO_Developer_0123456789abcdef", "AWSReservedSSO_Accountant_0123456789abcdef", "Build-Linux")


def main() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    iam = boto3.client(
        "iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    iam.create_user(UserName="ci-deploy")
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}
    iam.put_user_policy(UserName="ci-deploy", PolicyName="roles", PolicyDocument=json.dumps(may))
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
    }
    for role in ROLES:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    key = iam.create_access_key(UserName="ci-deploy")["AccessKey"]
    # From now on every signature has to hold.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    told = {"url": url, "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    print(json.dumps(told), flush=True)
    while True:
        time.sleep(3600)


main()
