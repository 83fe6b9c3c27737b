/* record_doc.h - records for the tests of them. */
#ifndef TESTS_RECORD_DOC_H
#define TESTS_RECORD_DOC_H

/* Every member set; as record_write() puts it. */
#define RECORD_FULL                                                                                      \
	"{\"format\":1,\"test_id\":\"550e8400-e29b-41d4-a716-446655440000\",\"name\":\"n\xc3\xa9\","     \
	"\"state\":\"failed\",\"reason\":\"workers_lost\",\"detail\":\"1 of 2 "                          \
	"workers\",\"verdict\":\"none\","                                                                \
	"\"validity\":{\"status\":\"invalid\",\"reasons\":[]},\"plan\":{\"workers\":2},"                 \
	"\"effective_plan\":{\"hits_per_sec\":0.1,\"duration_sec\":60,\"workers\":2},"                   \
	"\"plan_sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","          \
	"\"submitted_at\":1795426200123,\"started_at\":1795426201000,\"ended_at\":1795426261000,"        \
	"\"deadline_at\":1795426262000,\"history\":["                                                    \
	"{\"at\":1795426200123,\"state\":\"queued\",\"reason\":null,\"detail\":null,\"by\":\"g\"},"      \
	"{\"at\":1795426261000,\"state\":\"failed\",\"reason\":\"workers_lost\",\"detail\":null,\"by\":" \
	"\"o\"}],"                                                                                       \
	"\"cancel\":{\"at\":1795426202000,\"by\":\"127.0.0.1\"},"                                        \
	"\"presence\":{\"ttl\":30000,\"until\":1795426203000},"                                          \
	"\"t0\":{\"epoch\":1,\"unix_ns\":1795426201000000001,\"until_tick\":400,\"moves\":1},"           \
	"\"epoch\":1,\"adoptions\":2,\"edition\":3,"                                                     \
	"\"workers\":{\"planned\":2,\"ready\":2,\"armed\":2,\"reported\":1,\"lost\":[\"7f3k-1\"]},"      \
	"\"provisioning\":{\"ready\":1,\"wanted\":2,\"reason\":\"ImagePullBackOff\"},"                   \
	"\"token_sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","         \
	"\"live\":{\"t\":1},\"result\":{\"state\":\"failed\",\"submitted_at\":\"2026\",\"history\":[],"  \
	"\"audit\":{}}}"

#endif
