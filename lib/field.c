/* SPDX-License-Identifier: MIT */
#include "lib/field.h"

#include "lib/nearest.h"
#include <string.h>

static const char *const names[FIELD_COUNT] = {
    [FIELD_DOMAIN] = "DOMAIN",
    [FIELD_USER] = "USER",
    [FIELD_TYPE] = "TYPE",
    [FIELD_ACTION] = "ACTION",
    [FIELD_PASSWORD] = "PASSWORD",
    [FIELD_MAILFORWARD] = "MAILFORWARD",
    [FIELD_LIST_MEMBER] = "LIST MEMBER",
    [FIELD_MEMBER_NAME] = "MEMBER NAME",
    [FIELD_MEMBER] = "MEMBER",
    [FIELD_ALIAS] = "ALIAS",
    [FIELD_TARGET] = "TARGET",
    [FIELD_FILTER] = "FILTER",
    [FIELD_FILTERTYPE] = "FILTERTYPE",
    [FIELD_OWNER] = "OWNER",
    [FIELD_GIVENNAME] = "GIVENNAME",
    [FIELD_SURNAME] = "SURNAME",
    [FIELD_TITLE] = "TITLE",
    [FIELD_DESCRIPTION] = "DESCRIPTION",
    [FIELD_STREET] = "STREET",
    [FIELD_POSTALCODE] = "POSTALCODE",
    [FIELD_STATE] = "STATE",
    [FIELD_LOCATION] = "LOCATION",
    [FIELD_COUNTRYNAME] = "COUNTRYNAME",
    [FIELD_ORGANIZATION] = "ORGANIZATION",
    [FIELD_ORGANIZATIONALUNIT] = "ORGANIZATIONALUNIT",
    [FIELD_PHONE] = "PHONE",
    [FIELD_FAX] = "FAX",
    [FIELD_MOBILE] = "MOBILE",
    [FIELD_INITIALS] = "INITIALS",
    [FIELD_BUSINESSCATEGORY] = "BUSINESSCATEGORY",
    [FIELD_EMPLOYEETYPE] = "EMPLOYEETYPE",
    [FIELD_LABELEDURI] = "LABELEDURI",
    [FIELD_POBOX] = "POBOX",
    [FIELD_POSTALADDRESS] = "POSTALADDRESS",
    [FIELD_HOMEPOSTALADDRESS] = "HOMEPOSTALADDRESS",
    [FIELD_REGISTEREDADDRESS] = "REGISTEREDADDRESS",
    [FIELD_HOMEPHONE] = "HOMEPHONE",
    [FIELD_ISDNUMBER] = "ISDNUMBER",
    [FIELD_PAGER] = "PAGER",
    [FIELD_DEPTNO] = "DEPTNO",
    [FIELD_EMPLOYEENUMBER] = "EMPLOYEENUMBER",
    [FIELD_ROOMNUMBER] = "ROOMNUMBER",
    [FIELD_CARLICENSE] = "CARLICENSE",
    [FIELD_SIPADDRESS] = "SIPADDRESS",
    [FIELD_QUOTA] = "QUOTA",
    [FIELD_LANGUAGE] = "LANGUAGE",
    [FIELD_TIMEZONE] = "TIMEZONE",
    [FIELD_ACTIVATED] = "ACTIVATED",
    [FIELD_CHANGEPASSWD] = "CHANGEPASSWD",
    [FIELD_DISABLE] = "DISABLE",
    [FIELD_GLOBALADDRESSBOOK] = "GLOBALADDRESSBOOK",
    [FIELD_SUBJECT] = "SUBJECT",
    [FIELD_MESSAGE] = "MESSAGE",
    [FIELD_MAX_MAILBOXES] = "MAX MAILBOXES",
    [FIELD_IP] = "IP",
    [FIELD_IPSITE] = "IPSITE",
    [FIELD_MAILBOX_DIRECTORY] = "MAILBOX DIRECTORY",
    [FIELD_WEB_URL] = "WEB URL",
    [FIELD_ENABLE_MAILINGLISTS] = "ENABLE MAILINGLISTS",
    [FIELD_ENABLE_DOMAINALIASES] = "ENABLE DOMAINALIASES",
    [FIELD_ENABLE_DISTRIBUTIONLISTS] = "ENABLE DISTRIBUTIONLISTS",
    [FIELD_ENABLE_SPAMFILTERS] = "ENABLE SPAMFILTERS",
    [FIELD_ENABLE_USERALIASES] = "ENABLE USERALIASES",
    [FIELD_ENABLE_FORWARDS] = "ENABLE FORWARDS",
    [FIELD_ENABLE_AUTORESPONDERS] = "ENABLE AUTORESPONDERS",
    [FIELD_ENABLE_WEBACCESS] = "ENABLE WEBACCESS",
    [FIELD_ATTRIBUTE] = "@attribute",
    [FIELD_RESULT] = "RESULT",
    [FIELD_REASON] = "REASON",
};

/* Other spellings that the contract accepts, folded. */
static const struct {
    const char *folded;
    Field field;
} also[] = {
    {"USERNAME", FIELD_USER},
    {"OPERATION", FIELD_ACTION},
    {"LISTMEMBERS", FIELD_LIST_MEMBER},
    {"EMPLOYEEETYPE", FIELD_EMPLOYEETYPE}, /* as the old manual spelt it */
    {"ENABLEAUTORESPONDER", FIELD_ENABLE_AUTORESPONDERS},
};

/* Columns of the wider vocabulary, folded: known, and refused by a clear word. */
static const char *const later[] = {
    "EXISTING",   "FOLDERS",        "SOURCEHOST",  "SOURCEPASSWORD",
    "SOURCEPORT", "SOURCESECURITY", "SOURCETOKEN", "SOURCEUSER",
};

/* Longest name that is looked at, folded. */
#define NAME_MAX_BYTES NEAREST_WORD_MAX

/* Upper case without blanks, '-' and '_'. false where nothing known is that long. */
static bool fold(const char *name, char folded[NAME_MAX_BYTES + 1])
{
    gsize length = 0;
    for (; *name; name++) {
        if (strchr(" \t-_", *name))
            continue;
        if (length == NAME_MAX_BYTES)
            return false;
        folded[length++] = g_ascii_toupper(*name);
    }
    folded[length] = '\0';
    return true;
}

const char *field_name(Field field)
{
    return names[field];
}

bool field_is_attribute(const char *name)
{
    const gsize length = strlen(name);
    return g_ascii_isalpha(*name) && length <= FIELD_ATTRIBUTE_BYTES_MAX &&
           strspn(name, "-" G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS) == length;
}

bool field_find(const char *name, Field *field)
{
    char folded[NAME_MAX_BYTES + 1];
    if (*name == '@') {
        *field = FIELD_ATTRIBUTE;
        return field_is_attribute(name + 1);
    }
    if (!fold(name, folded))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(also); i++) {
        if (strcmp(folded, also[i].folded) == 0) {
            *field = also[i].field;
            return true;
        }
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        char known[NAME_MAX_BYTES + 1];
        if (fold(names[i], known) && strcmp(folded, known) == 0) {
            *field = (Field)i;
            return true;
        }
    }
    return false;
}

const char *field_nearest(const char *name)
{
    enum { KNOWN = FIELD_ATTRIBUTE, ALL = KNOWN + G_N_ELEMENTS(also) };
    char folded[NAME_MAX_BYTES + 1], known[KNOWN][NAME_MAX_BYTES + 1];
    const char *words[ALL];
    if (!fold(name, folded))
        return NULL;
    for (unsigned i = 0; i < KNOWN; i++) {
        (void)fold(names[i], known[i]);
        words[i] = known[i];
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(also); i++)
        words[KNOWN + i] = also[i].folded;
    const char *word = nearest_word(folded, words, ALL);
    Field field;
    return word && field_find(word, &field) ? names[field] : NULL;
}

const char *field_advice(Field field)
{
    switch (field) {
    case FIELD_PHONE:
    case FIELD_FAX:
    case FIELD_MOBILE:
    case FIELD_HOMEPHONE:
    case FIELD_PAGER:
        return "Write the number like +49 228 12345, without other signs.";
    case FIELD_ISDNUMBER:
        return "Write digits only, like 4922812345.";
    default:
        return NULL;
    }
}

bool field_is_later(const char *name)
{
    char folded[NAME_MAX_BYTES + 1];
    if (!fold(name, folded))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(later); i++) {
        if (strcmp(folded, later[i]) == 0)
            return true;
    }
    return false;
}

bool field_is_secret(Field field)
{
    return field == FIELD_PASSWORD;
}

bool field_is_mandatory(Field field)
{
    return field <= FIELD_ACTION;
}
