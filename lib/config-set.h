/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONFIG_SET_H
#define BATCHLOAD_CONFIG_SET_H

#include "lib/config.h"

/* The settings of batchload.conf, one row each: only lib/config.c uses this. */

/* A configuration while its file is read. */
typedef struct {
    Config *config;
    char *profile;       /* path */
    char *password_file; /* path, or NULL */
} ConfigDraft;

typedef struct ConfigSetting ConfigSetting;
struct ConfigSetting {
    const char *section; /* "": the top */
    const char *name;
    /* Takes values, checked, over into the draft; the message says what is wrong with them. */
    bool (*take)(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                 GError **error);
    gsize offset; /* in Config, where take stores a plain value */
    guint64 min, max;
    const char *standard; /* default; of a list, separated by blanks; NULL: none */
    bool list;
};

#define CONFIG_SETTINGS 76
extern const ConfigSetting config_settings[CONFIG_SETTINGS];

/* Index of a setting that is there. */
int config_setting_find(const char *section, const char *name);
/* values: NULL-terminated. */
bool config_setting_take(ConfigDraft *draft, int index, const char *const *values, GError **error);
void config_settings_default(ConfigDraft *draft);

#endif
