"""Prices (SVC-PRICE-01) and the Spot advisor (SVC-SCRAPE-01): refreshed side by side, the last good figures serve."""
