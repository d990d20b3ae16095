/** A page with everything that a target tells beside samples: types, units, help, exemplars. Its samples have times, so that every scrape finds the same. */
export const shopPage = (at: number): string => `# TYPE sold_things counter
# HELP sold_things What was \\"sold\\", by kind.
sold_things_total{kind="a\\"b"} 17 ${at} # {trace_id="0af7651916cd43dd8448eb211c80319c"} 1 ${at - 1.5}
sold_things_total{kind="ü"} 3 ${at}
# TYPE shop_seconds histogram
# UNIT shop_seconds seconds
# HELP shop_seconds How long it took.
shop_seconds_bucket{le="0.1"} 8 ${at} # {trace_id="0af7651916cd43dd8448eb211c80319d"} 0.05 ${at - 2}
shop_seconds_bucket{le="1.0"} 9 ${at} # {trace_id="0af7651916cd43dd8448eb211c80319e",span_id="b7ad6b7169203331"} 0.5 ${at - 3}
shop_seconds_bucket{le="+Inf"} 10 ${at} # {} 5 ${at - 4}
shop_seconds_count 10 ${at}
shop_seconds_sum 11.5 ${at}
# TYPE shop_level gauge
# HELP shop_level How full it is.
shop_level 0.25 ${at}
# TYPE shop info
# HELP shop What it is.
shop_info{version="1.2"} 1 ${at}
# TYPE shop_state stateset
shop_state{shop_state="open"} 1 ${at}
shop_state{shop_state="closed"} 0 ${at}
# TYPE shop_odd unknown
shop_odd 1 ${at}
# EOF
`
