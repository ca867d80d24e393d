"""Simulations of customers, kept by the database."""

from tests.unit.postgres.contract_simulations import *  # noqa: F403
