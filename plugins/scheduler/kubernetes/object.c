/* object.c - objects as documents: written. */
#include "object.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object_keys.h"
#include "plugins/common/digest.h"
#include "plugins/common/doc.h"

/* Quotes as json-c takes them too. What a test or the .conf says is put in by path. */
static const char template_job[] =
    "{'apiVersion':'batch/v1','kind':'Job','metadata':{'labels':{},'annotations':{}},"
    "'spec':{'suspend':true,'completionMode':'Indexed','backoffLimitPerIndex':0,"
    "'podReplacementPolicy':'Failed','ttlSecondsAfterFinished':900,"
    "'podFailurePolicy':{'rules':[{'action':'FailIndex','onPodConditions':[{'type':'DisruptionTarget','"
    "status':'True'}]}]},"
    "'template':{}}}";
static const char template_job_plain[] =
    "{'apiVersion':'batch/v1','kind':'Job','metadata':{'labels':{},'annotations':{}},"
    "'spec':{'parallelism':0,'backoffLimit':1000000,'ttlSecondsAfterFinished':900,'template':{}}}";
static const char template_deployment[] =
    "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'labels':{},'annotations':{}},"
    "'spec':{'replicas':0,'revisionHistoryLimit':0,'strategy':{'type':'Recreate'},"
    "'selector':{'matchLabels':{'app':'load-worker'}},'template':{}}}";
static const char template_pod[] =
    "{'metadata':{'labels':{},'annotations':{'cluster-autoscaler.kubernetes.io/safe-to-evict':'false',"
    "'karpenter.sh/do-not-disrupt':'true'}},"
    "'spec':{'restartPolicy':'Never','automountServiceAccountToken':false,'enableServiceLinks':false,"
    "'dnsConfig':{'options':[{'name':'ndots','value':'1'}]},"
    "'securityContext':{'runAsNonRoot':true,'runAsUser':65532,'runAsGroup':65532,"
    "'seccompProfile':{'type':'RuntimeDefault'}},"
    "'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'kubernetes.io/hostname',"
    "'whenUnsatisfiable':'ScheduleAnyway','labelSelector':{'matchLabels':{}}}],"
    "'containers':[{'name':'" WORKER_CONTAINER
    "','env':[{'name':'SQUALL_WORKER','valueFrom':{'fieldRef':{'fieldPath':'"
    "metadata.name'}}}],"
    "'resources':{'requests':{'cpu':'1','memory':'256Mi'},'limits':{'cpu':'1','memory':'256Mi'}},"
    "'securityContext':{'allowPrivilegeEscalation':false,'readOnlyRootFilesystem':true,"
    "'capabilities':{'drop':['ALL']}}}]}}";
static const char template_policy[] =
    "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'labels':{}},"
    "'spec':{'podSelector':{'matchLabels':{}},'policyTypes':['Ingress']}}";
static const char template_secret[] = "{'apiVersion':'v1','kind':'Secret','metadata':{'labels':{}},'"
                                      "immutable':true,'type':'Opaque','stringData':{}}";

static const struct {
	const char *group, *plural, *version, *kind;
} shapes[] = {
    [SHAPE_JOB] = {"/apis/batch/v1", "jobs", "batch/v1", "Job"},
    [SHAPE_JOB_PLAIN] = {"/apis/batch/v1", "jobs", "batch/v1", "Job"},
    [SHAPE_DEPLOYMENT] = {"/apis/apps/v1", "deployments", "apps/v1", "Deployment"},
};

const char *object_group(enum shape shape)
{
	return shapes[shape].group;
}

const char *object_plural(enum shape shape)
{
	return shapes[shape].plural;
}

static bool is_name(const char *id)
{
	size_t n = strlen(id);

	for (const char *c = id; *c; c++)
		if (!(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-'))
			return false;
	return n > 0 && n <= OBJECT_NAME_MAX - 3 && id[n - 1] != '-';
}

void object_name(const char *id, char out[OBJECT_NAME_MAX + 1])
{
	char hash[SHA256_TEXT] = "";

	if (is_name(id)) {
		snprintf(out, OBJECT_NAME_MAX + 1, "lw-%s", id);
		return;
	}
	sha256_text(id, strlen(id), hash);
	snprintf(out, OBJECT_NAME_MAX + 1, "lw-%.40s", hash);
}

/* --- paths into documents -------------------------------------------------------------------- */

static struct json_object *at(struct json_object *o, const char *path)
{
	struct json_object *v = NULL;

	return o && json_pointer_get(o, path, &v) == 0 ? v : NULL;
}

/* A member of the object that stands at all but the last step of path. value is taken over, also on failure;
 * NULL counts as one. (json_pointer_set() of json-c 0.16 takes ~1 in the last step for two letters.) */
static bool put(struct json_object *o, const char *path, struct json_object *value)
{
	const char *last = strrchr(path, '/');
	char parent[128], name[128];
	size_t n = 0;

	snprintf(parent, sizeof parent, "%.*s", (int)(last - path), path);
	for (const char *c = last + 1; *c && n + 1 < sizeof name; c++) {
		if (*c == '~')
			c++;
		name[n++] = c[-1] != '~' ? *c : *c == '1' ? '/' : '~';
	}
	name[n] = '\0';
	return doc_put(*parent ? at(o, parent) : o, name, value);
}

static bool put_text(struct json_object *o, const char *path, const char *text)
{
	return put(o, path, json_object_new_string(text));
}

static bool put_number(struct json_object *o, const char *path, int64_t n)
{
	return put(o, path, json_object_new_int64(n));
}

/* Annotations are texts. */
static bool put_digits(struct json_object *o, const char *path, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, n);
	return put_text(o, path, text);
}

/* RFC 7386. */
static bool merge(struct json_object *into, struct json_object *patch)
{
	bool good = into != NULL;

	if (!patch)
		return good;
	json_object_object_foreach(patch, name, value)
	{
		struct json_object *old = NULL;

		if (!good)
			break;
		if (!value)
			json_object_object_del(into, name);
		else if (json_object_is_type(value, json_type_object) &&
		         json_object_object_get_ex(into, name, &old) &&
		         json_object_is_type(old, json_type_object))
			good = merge(old, value);
		else
			good = doc_put(into, name, doc_copy(value));
	}
	return good;
}

/* --- the workload ---------------------------------------------------------------------------- */

bool object_is_label(const char *text)
{
	size_t n = strlen(text);

	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return false;
	return n > 0 && n <= 63 && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[n - 1]);
}

static bool put_labels(struct json_object *metadata, const char *space, const char *name, const char *id)
{
	return put_text(metadata, "/labels/app", "load-worker") &&
	       put_text(metadata, "/labels/app.kubernetes.io~1name", "squall") &&
	       put_text(metadata, "/labels/app.kubernetes.io~1component", "worker") &&
	       put_text(metadata, "/labels/app.kubernetes.io~1managed-by", "squall") &&
	       put_text(metadata, "/labels/" KEY_SPACE, space) &&
	       put_text(metadata, "/labels/" KEY_WORKLOAD, name) &&
	       (!object_is_label(id) || put_text(metadata, "/labels/" KEY_TEST_ID, id));
}

static bool put_variables(struct json_object *container, const struct object_style *style)
{
	struct json_object *list = at(container, "/env");
	bool good = list != NULL;

	if (style->shape != SHAPE_JOB)
		good = good && doc_append(list, json_tokener_parse("{'name':'SQUALL_PARK','value':'true'}"));
	for (const char *const *e = style->env; good && e && *e; e++) {
		const char *value = strchr(*e, '=');
		struct json_object *v = json_object_new_object();

		good = value && doc_put(v, "name", json_object_new_string_len(*e, (int)(value - *e))) &&
		       doc_put_text(v, "value", value + 1);
		good = doc_append(list, doc_close(v, good)) && good;
	}
	return good;
}

static struct json_object *pod_template(const struct object_style *style, const char *name, const char *id)
{
	struct json_object *o = json_tokener_parse(template_pod), *c = at(o, "/spec/containers/0");
	struct json_object *from = json_tokener_parse("[{'secretRef':{}}]");
	bool good = put_labels(at(o, "/metadata"), style->space, name, id) &&
	            put_text(from, "/0/secretRef/name", name);

	good = doc_put(c, "envFrom", from) && good;
	good = good && put_text(o, "/metadata/annotations/" KEY_TEST_ID, id) &&
	       put_text(o, "/spec/topologySpreadConstraints/0/labelSelector/matchLabels/" KEY_WORKLOAD,
	                name) &&
	       put_number(o, "/spec/terminationGracePeriodSeconds", (style->grace + SQ_S - 1) / SQ_S) &&
	       doc_put_text(c, "image", style->image) && put_variables(c, style);
	if (*style->pull_policy)
		good = good && doc_put_text(c, "imagePullPolicy", style->pull_policy);
	if (*style->service_account)
		good = good && put_text(o, "/spec/serviceAccountName", style->service_account);
	if (style->shape !=
	    SHAPE_JOB) /* a container that ends costs a start in vain, and no other pod comes for it */
		good = good && put_text(o, "/spec/restartPolicy",
		                        style->shape == SHAPE_DEPLOYMENT ? "Always" : "OnFailure");
	good = good && merge(at(o, "/metadata/annotations"), style->annotations) &&
	       merge(c, style->container) && merge(at(o, "/spec"), style->pod);
	return doc_close(o, good);
}

static int64_t seconds(int64_t ns)
{
	return (ns + SQ_S - 1) / SQ_S;
}

static bool put_shape(struct json_object *o, enum shape shape, const char *name, const struct sq_job *job)
{
	switch (shape) {
	case SHAPE_JOB:
		return put_number(o, "/spec/completions", job->workers) &&
		       put_number(o, "/spec/parallelism", job->workers) &&
		       put_number(o, "/spec/maxFailedIndexes", job->max_failed) &&
		       (!job->deadline ||
		        put_number(o, "/spec/activeDeadlineSeconds", seconds(job->deadline)));
	case SHAPE_JOB_PLAIN:
		return put_number(o, "/spec/completions", job->workers);
	default:
		return put_text(o, "/spec/selector/matchLabels/" KEY_WORKLOAD, name);
	}
}

struct json_object *object_workload(const struct object_style *style, const char *id, uint64_t fence,
                                    const struct sq_job *job)
{
	static const char *const templates[] = {[SHAPE_JOB] = template_job,
	                                        [SHAPE_JOB_PLAIN] = template_job_plain,
	                                        [SHAPE_DEPLOYMENT] = template_deployment};
	struct json_object *o = json_tokener_parse(templates[style->shape]);
	char name[OBJECT_NAME_MAX + 1];
	bool good;

	object_name(id, name);
	good = put_text(o, "/metadata/name", name) &&
	       put_labels(at(o, "/metadata"), style->space, name, id) && put_text(o, NOTE(KEY_TEST_ID), id) &&
	       put_text(o, NOTE(KEY_PLAN), job->plan_sha256) && put_digits(o, NOTE(KEY_FENCE), fence) &&
	       put_digits(o, NOTE(KEY_WORKERS), job->workers) &&
	       put_digits(o, NOTE(KEY_MAX_FAILED), job->max_failed) &&
	       put_digits(o, NOTE(KEY_DEADLINE), (uint64_t)(job->deadline / SQ_MS)) &&
	       put_shape(o, style->shape, name, job);
	good = good && put(o, "/spec/template", pod_template(style, name, id));
	return doc_close(o, good);
}

/* --- what it owns ---------------------------------------------------------------------------- */

static bool put_owner(struct json_object *o, struct json_object *owner)
{
	struct json_object *list = json_tokener_parse("[{'controller':false,'blockOwnerDeletion':false}]");
	static const char *const copied[][2] = {{"/apiVersion", "/0/apiVersion"},
	                                        {"/kind", "/0/kind"},
	                                        {"/metadata/name", "/0/name"},
	                                        {"/metadata/uid", "/0/uid"}};
	bool good = list != NULL;

	for (unsigned i = 0; i < SQ_LEN(copied); i++)
		good = good && put(list, copied[i][1], doc_copy(at(owner, copied[i][0])));
	return put(o, "/metadata/ownerReferences", doc_close(list, good)) &&
	       put(o, "/metadata/name", doc_copy(at(owner, "/metadata/name"))) &&
	       put(o, "/metadata/labels", doc_copy(at(owner, "/metadata/labels")));
}

struct json_object *object_secret(struct json_object *owner, const struct sq_job *job)
{
	struct json_object *o = json_tokener_parse(template_secret), *data = at(o, "/stringData");
	bool good = put_owner(o, owner);

	for (const char *const *e = job->env; good && e && *e; e++) {
		const char *value = strchr(*e, '=');
		char name[128];

		good = value && (size_t)(value - *e) < sizeof name;
		if (good) {
			snprintf(name, sizeof name, "%.*s", (int)(value - *e), *e);
			good = doc_put_text(data, name, value + 1);
		}
	}
	return doc_close(o, good);
}

struct json_object *object_policy(struct json_object *owner)
{
	struct json_object *o = json_tokener_parse(template_policy);

	return doc_close(o, put_owner(o, owner) && put(o, "/spec/podSelector/matchLabels/" KEY_WORKLOAD,
	                                               doc_copy(at(owner, "/metadata/name"))));
}

/* --- changes --------------------------------------------------------------------------------- */

static struct json_object *patch_of(const struct workload *w)
{
	struct json_object *o = json_tokener_parse("{'metadata':{'annotations':{}},'spec':{}}");

	return doc_close(o, put_text(o, "/metadata/resourceVersion", w->version) &&
	                        put_text(o, "/metadata/uid", w->uid));
}

struct json_object *object_patch_fence(const struct workload *w, uint64_t fence)
{
	struct json_object *o = patch_of(w);

	return doc_close(o, put_digits(o, NOTE(KEY_FENCE), fence));
}

/* How many pods are wanted. What holds a Job's back differs by server; each takes what it knows of the two.
 */
static bool put_pods(struct json_object *o, enum shape shape, uint32_t n)
{
	if (shape == SHAPE_DEPLOYMENT)
		return put_number(o, "/spec/replicas", n);
	return put(o, "/spec/suspend", json_object_new_boolean(n == 0)) &&
	       put_number(o, "/spec/parallelism", n);
}

struct json_object *object_patch_resume(const struct workload *w, uint64_t fence, int64_t now)
{
	struct json_object *o = object_patch_fence(w, fence);
	int64_t age = now / 1000 - w->created;
	bool good = put_digits(o, NOTE(KEY_RESUMED), (uint64_t)now);

	good = good && put_pods(o, w->shape, w->workers);
	if (w->shape == SHAPE_JOB_PLAIN && w->deadline) /* which counts from when it was made */
		good = good && put_number(o, "/spec/activeDeadlineSeconds",
		                          (age > 0 ? age : 0) + seconds(w->deadline));
	return doc_close(o, good);
}

struct json_object *object_patch_end(const struct workload *w, const char *reason)
{
	struct json_object *o = patch_of(w);

	return doc_close(o, put_text(o, NOTE(KEY_ENDED), reason) && put_pods(o, w->shape, 0));
}

/* Background: the default of Jobs would leave their pods behind, loading on. */
struct json_object *object_delete(const struct workload *w)
{
	struct json_object *o = json_tokener_parse("{'kind':'DeleteOptions','apiVersion':'v1',"
	                                           "'propagationPolicy':'Background','preconditions':{}}");

	return doc_close(o, put_text(o, "/preconditions/uid", w->uid) &&
	                        put_text(o, "/preconditions/resourceVersion", w->version));
}
