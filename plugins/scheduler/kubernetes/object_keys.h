/* object_keys.h - labels and annotations that are ours, spelled as in JSON pointers (~1 is a slash), and the
 * name by which the worker is told from other containers of its pod. */
#ifndef KUBERNETES_OBJECT_KEYS_H
#define KUBERNETES_OBJECT_KEYS_H

#define NOTE(key) "/metadata/annotations/" key

#define WORKER_CONTAINER "worker"

#define KEY_TEST_ID "squall.io~1test-id"
#define KEY_SPACE "squall.io~1space" /* label */
#define KEY_WORKLOAD "squall.io~1workload" /* label: the workload's name, also on its pods */
#define KEY_PLAN "squall.io~1plan-sha256"
#define KEY_FENCE "squall.io~1fence"
#define KEY_WORKERS "squall.io~1workers"
#define KEY_MAX_FAILED "squall.io~1max-failed"
#define KEY_DEADLINE "squall.io~1deadline-ms" /* from resume on, 0 = none */
#define KEY_RESUMED "squall.io~1resumed-at" /* Unix ms */
#define KEY_ENDED "squall.io~1ended" /* why it starts no pod any more */

#endif
