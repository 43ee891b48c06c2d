/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/address.h"

#include <stdio.h>
#include <sysexits.h>

/* One row of each kind, in an order in which all of them work; %s is the domain. */
static const char *const lines[] = {
    "%s;erika.muster;FULL;ADD;Sommer-Regen-42;Erika;Muster;+49 30 1234;;",
    "%s;hans.probe;FULL;ADD;Winter-Sonne-17;Hans;Probe;;;",
    "%s;info;FORWARD;ADD;;;;;erika.muster@%s;",
    "%s;team;LIST;ADD;;;;;;erika.muster hans.probe",
    "%s;hans.probe;FULL;MODIFY;Herbst-Wind-3;;;+49 30 5678;;",
    "%s;team;LIST;DELETE;;;;;;hans.probe",
    "%s;hans.probe;FULL;DELETE;;;;;;",
};

int cli_sample(const CliPlace *place G_GNUC_UNUSED, int argc, char **argv)
{
    static const char usage[] = "batchload sample [DOMAIN]";
    g_autofree char *domain = NULL;
    g_autoptr(GError) error = NULL;
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Prints a file as it is attached to a request, under the name\n"
                     "batchload.csv: a row of each kind, for DOMAIN.\n\n"
                     "  -h, --help  print this\n",
                     NULL, &code))
        return code;
    if (argc > 2)
        return cli_fault(EX_USAGE, "sample takes one domain; usage: %s", usage);
    domain = domain_normalise(argc == 2 ? argv[1] : "somedomain.example", &error);
    if (domain == NULL)
        return cli_fault(EX_USAGE, "%s", error->message);
    puts("DOMAIN;USER;TYPE;ACTION;PASSWORD;GIVENNAME;SURNAME;PHONE;MAILFORWARD;LIST MEMBER");
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GString) line = g_string_new(lines[i]);
        g_string_replace(line, "%s", domain, 0);
        puts(line->str);
    }
    return 0;
}
