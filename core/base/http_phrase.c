/* http_phrase.c - words for statuses and parse errors. */
#include "core/base/http_parse.h"

/* The registry of RFC 9110, 16.2.1. */
static const struct {
	int status;
	const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

const char *http_phrase(int status)
{
	for (size_t i = 0; i < SQ_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}

static const struct {
	int status;
	const char *text;
} errors[] = {
    [0] = {400, "not HTTP"},
    [HTTP_EFIELD - HTTP_EBAD] = {400, "malformed header line"},
    [HTTP_EHOST - HTTP_EBAD] = {400, "Host is missing, repeated or malformed"},
    [HTTP_ELENGTH - HTTP_EBAD] = {400, "Content-Length is not a number"},
    [HTTP_EFRAMING - HTTP_EBAD] = {400, "repeated or conflicting Content-Length or Transfer-Encoding"},
    [HTTP_ECHUNK - HTTP_EBAD] = {400, "malformed chunked body"},
    [HTTP_ELARGE - HTTP_EBAD] = {431, "header or trailer fields too large or too many"},
    [HTTP_EURI - HTTP_EBAD] = {414, "request target too long"},
    [HTTP_EVERSION - HTTP_EBAD] = {505, "not version 1 of HTTP"},
    [HTTP_ECODING - HTTP_EBAD] = {501, "transfer coding other than chunked"},
    [HTTP_EEXPECT - HTTP_EBAD] = {417, "expectation other than 100-continue"},
};

static bool is_error(int error)
{
	return error <= -HTTP_EBAD && error > -HTTP_EBAD - (int)SQ_LEN(errors);
}

int http_error_status(int error)
{
	return is_error(error) ? errors[-error - HTTP_EBAD].status : 500;
}

const char *http_error_text(int error)
{
	return is_error(error) ? errors[-error - HTTP_EBAD].text : "";
}
