"""Amazon Web Services behind interfaces: accounts, discovery, prices, and the AWS half of the executor.

``ports`` holds the interfaces, ``memory`` their twins in one process. The real ones use boto3 in a bounded pool of
threads (`calls`), with short sessions by AssumeRole (`sessions`), one set of token buckets per account and region for
every request that leaves (`clients`), and AWS' errors in our words (`failures`).
"""
