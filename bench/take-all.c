/* SPDX-License-Identifier: MIT */
/* bench-take SOCKET: a filter that is given every step, header and body of every mail, and lets all
 * of it pass. */
#include <libmilter/mfapi.h>
#include <stdio.h>

static sfsistat on_connect(SMFICTX *context, char *name, _SOCK_ADDR *address)
{
    (void)context;
    (void)name;
    (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *context, char *name)
{
    (void)context;
    (void)name;
    return SMFIS_CONTINUE;
}

static sfsistat on_address(SMFICTX *context, char **arguments)
{
    (void)context;
    (void)arguments;
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    (void)context;
    (void)name;
    (void)value;
    return SMFIS_CONTINUE;
}

static sfsistat on_step(SMFICTX *context)
{
    (void)context;
    return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *context, unsigned char *data, size_t size)
{
    (void)context;
    (void)data;
    (void)size;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    struct smfiDesc filter = {
        .xxfi_name = (char *)"take-all",
        .xxfi_version = SMFI_VERSION,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_address,
        .xxfi_envrcpt = on_address,
        .xxfi_data = on_step,
        .xxfi_header = on_header,
        .xxfi_eoh = on_step,
        .xxfi_body = on_body,
        .xxfi_eom = on_step,
        .xxfi_abort = on_step,
        .xxfi_close = on_step,
    };
    if (argc != 2 || smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS) {
        fprintf(stderr, "usage: bench-take SOCKET\n");
        return 64;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 70;
}
