CREATE TABLE market_ages (
    region text NOT NULL CHECK (region <> ''),
    source text NOT NULL CHECK (source IN ('spot', 'on_demand', 'advisor')),
    had_at timestamptz,
    tried_at timestamptz NOT NULL,
    problem text NOT NULL DEFAULT '',
    PRIMARY KEY (region, source)
);
COMMENT ON TABLE market_ages IS 'When the prices and rates of each region were last had, and why the last try failed.';
