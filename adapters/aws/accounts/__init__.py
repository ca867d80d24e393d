"""Linking accounts: external id, CloudFormation template with least rights, and trying each permission."""
