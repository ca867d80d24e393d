"""Prices (SVC-PRICE-01) and the Spot advisor (SVC-SCRAPE-01) of the regions in use, for planning and for charts."""
