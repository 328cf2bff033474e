"""A worker reduced to its dealings with the registry, for tests that stop and kill it.

``python -m tests.plugin.registry.contender URL LEASE_SECONDS JOB...`` waits for a line on standard
input, claims the jobs, prints what it got, waits for another line and publishes.
"""

import os
import sys

from plugin.registry import Registry
from tests.plugin.registry.samples import make_result


def main() -> None:
    url, lease_seconds, *job_ids = sys.argv[1:]
    name = str(os.getpid())
    registry = Registry(url)
    registry.check()
    print("ready", flush=True)
    sys.stdin.readline()
    claims = [registry.jobs.claim(job_id, name, float(lease_seconds)) for job_id in job_ids]
    held = [job for job in claims if job is not None]
    print(" ".join(job.id for job in held), flush=True)
    sys.stdin.readline()
    published = [registry.jobs.publish(job.id, job.fence, make_result(name)) for job in held]
    print(" ".join(str(done) for done in published), flush=True)


if __name__ == "__main__":
    main()
