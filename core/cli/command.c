/* command.c - the table of the commands. */
#include "command.h"

#define ID_DETAILS "ID is a test's id, the beginning of one, or \"last\"."

const struct command commands[] = {
    {"run", C_RUN, "URL", false, "run a test, watch it, print its result",
     "Loads URL (http:// or https://; host:port means http://) on a fixed schedule. Without a gateway a private one is "
     "started for the run on this machine. A gateway also runs without URL, against its default target.",
     command_run},
    {"list", C_LIST, NULL, false, "list the tests that the gateway knows, or that are kept here",
     "The newest first.", command_list},
    {"show", C_SHOW, "ID", true, "print a test: how it went, and its result",
     ID_DETAILS " Without a gateway it is a run kept here, or a file with a result.", command_show},
    {"watch", C_WATCH, "ID", true, "follow a test; Ctrl-C leaves it running",
     ID_DETAILS " Ends as \"run\" does, with the result.", command_watch},
    {"cancel", C_CANCEL, "ID", true, "stop a test", ID_DETAILS, command_cancel},
    {"wait", C_WAIT, "ID", true, "wait for the end of a test, print its result",
     ID_DETAILS " Nothing is printed before the end.", command_wait},
    {"report", C_REPORT, "ID", true, "write the result of a test into files",
     ID_DETAILS " Without a gateway it is a run kept here, or a file with a result.", command_report},
    {"selftest", C_SELFTEST, NULL, false, "test what this machine can measure, before trusting a number",
     "Freezes a private target for half a second and compares the percentiles with what they must be; prints "
     "how "
     "late requests leave this machine, and how many one worker can send. Takes about 12 seconds. Exits with "
     "98 "
     "when this machine does not measure what it must.",
     command_selftest},
    {NULL, 0, NULL, false, NULL, NULL, NULL},
};
