/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FIELD_H
#define BATCHLOAD_FIELD_H

#include <glib.h>
#include <stdbool.h>

/* The columns a batchload.csv may have. The order is that of the contract's tables; the values
 * are never stored (names are). FIELD_VALUE_FIRST … FIELD_VALUE_LAST hold one value each, which
 * becomes an attribute's; the first of them, to FIELD_WHITE_LAST, are the white pages. */
typedef enum {
    FIELD_DOMAIN,
    FIELD_USER,
    FIELD_TYPE,
    FIELD_ACTION,
    FIELD_PASSWORD,
    FIELD_MAILFORWARD,
    FIELD_LIST_MEMBER,
    FIELD_MEMBER_NAME,
    FIELD_MEMBER,
    FIELD_ALIAS,
    FIELD_TARGET,
    FIELD_FILTER,
    FIELD_FILTERTYPE,
    FIELD_OWNER,
    FIELD_GIVENNAME,
    FIELD_SURNAME,
    FIELD_TITLE,
    FIELD_DESCRIPTION,
    FIELD_STREET,
    FIELD_POSTALCODE,
    FIELD_STATE,
    FIELD_LOCATION,
    FIELD_COUNTRYNAME,
    FIELD_ORGANIZATION,
    FIELD_ORGANIZATIONALUNIT,
    FIELD_PHONE,
    FIELD_FAX,
    FIELD_MOBILE,
    FIELD_INITIALS,
    FIELD_BUSINESSCATEGORY,
    FIELD_EMPLOYEETYPE,
    FIELD_LABELEDURI,
    FIELD_POBOX,
    FIELD_POSTALADDRESS,
    FIELD_HOMEPOSTALADDRESS,
    FIELD_REGISTEREDADDRESS,
    FIELD_HOMEPHONE,
    FIELD_ISDNUMBER,
    FIELD_PAGER,
    FIELD_DEPTNO,
    FIELD_EMPLOYEENUMBER,
    FIELD_ROOMNUMBER,
    FIELD_CARLICENSE,
    FIELD_SIPADDRESS,
    FIELD_QUOTA,
    FIELD_LANGUAGE,
    FIELD_TIMEZONE,
    FIELD_ACTIVATED,
    FIELD_CHANGEPASSWD,
    FIELD_DISABLE,
    FIELD_GLOBALADDRESSBOOK,
    FIELD_SUBJECT,
    FIELD_MESSAGE,
    FIELD_MAX_MAILBOXES,
    FIELD_IP,
    FIELD_IPSITE,
    FIELD_MAILBOX_DIRECTORY,
    FIELD_WEB_URL,
    FIELD_ENABLE_MAILINGLISTS,
    FIELD_ENABLE_DOMAINALIASES,
    FIELD_ENABLE_DISTRIBUTIONLISTS,
    FIELD_ENABLE_SPAMFILTERS,
    FIELD_ENABLE_USERALIASES,
    FIELD_ENABLE_FORWARDS,
    FIELD_ENABLE_AUTORESPONDERS,
    FIELD_ENABLE_WEBACCESS,
    FIELD_ATTRIBUTE, /* any column "@name": of one file there may be several */
    FIELD_RESULT,    /* of our own result.csv sent back: ignored on the way in */
    FIELD_REASON,
    FIELD_COUNT,
} Field;

#define FIELD_WHITE_FIRST FIELD_GIVENNAME
#define FIELD_WHITE_LAST FIELD_SIPADDRESS
#define FIELD_WHITE_COUNT (FIELD_WHITE_LAST - FIELD_WHITE_FIRST + 1)
#define FIELD_VALUE_FIRST FIELD_WHITE_FIRST
#define FIELD_VALUE_LAST FIELD_ENABLE_WEBACCESS
#define FIELD_VALUE_COUNT (FIELD_VALUE_LAST - FIELD_VALUE_FIRST + 1)

/* The name as the contract writes it ("LIST MEMBER"); static. */
const char *field_name(Field field);

/* The field a headline's name stands for: case, blanks, '-' and '_' do not matter, the contract's
 * other spellings count. "@name" is FIELD_ATTRIBUTE where the name has the form of one. false when
 * there is none. */
bool field_find(const char *name, Field *field);

/* Whether it has the form of an attribute's name: letters, digits and hyphens, a letter first. What
 * has options (";binary") or is a number (2.5.4.3) has not. */
#define FIELD_ATTRIBUTE_BYTES_MAX 64
bool field_is_attribute(const char *name);

/* The known name nearest to an unknown one (edit distance of the folded forms), static; NULL
 * when nothing is near enough to be meant. */
const char *field_nearest(const char *name);

/* A column of the wider vocabulary ("FOLDERS") that is not available yet. */
bool field_is_later(const char *name);

/* How a value of the field is to be written, a sentence, static; NULL where anything will do. */
const char *field_advice(Field field);

/* A column whose cells must never leave the product. */
bool field_is_secret(Field field);
bool field_is_mandatory(Field field);

#endif
