/** Bounds of histograms, [s] unless said otherwise. Those of conventions are the conventions'. */

/** 0.1 ms to 1 s: work on samples, cryptography, caches */
export const fast = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
/** 5 ms to 10 s: what somebody waits for, as `http.server.request.duration` */
export const request = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** 1 ms to 10 s, as `db.client.operation.duration` */
export const query = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
/** 10 ms to 80 s, as `gen_ai.server.request.duration` */
export const generation = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
/** as `gen_ai.server.time_to_first_token` */
export const firstToken = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** as `gen_ai.server.time_per_output_token` */
export const perToken = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
/** 10 ms to 10 min: tasks of agents */
export const task = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
/** 10 s to 2 h: a person's session */
export const session = [10, 30, 60, 120, 300, 600, 1200, 1800, 2700, 3600, 5400, 7200]
/** ratio, 0..1 */
export const ratio = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]
