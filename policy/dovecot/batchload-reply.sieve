# SPDX-License-Identifier: MIT
# The automatic answer of an account (batchloadReplySubject, batchloadReplyMessage), for all users;
# see batchload-dovecot.conf. Compile it when it has changed:
# sievec -c /etc/dovecot/dovecot.conf batchload-reply.sieve
#
# Each sender gets one answer a day, whatever it says meanwhile. Never answered are automatic mail and
# mail of lists (RFC 5230, RFC 3834), and mail that does not name the account's own address in To or
# Cc, such as what came by a list.
require ["vacation", "variables", "environment", "vnd.dovecot.environment"];

if not anyof (
    environment :is "vnd.dovecot.config.batchload_answers" "FALSE",
    environment :is "vnd.dovecot.config.batchload_domain_answers" "FALSE") {
    # The texts are values here, never part of the script.
    if environment :matches "vnd.dovecot.config.batchload_message" "?*" {
        set "message" "${1}${2}";
        if environment :matches "vnd.dovecot.config.batchload_subject" "?*" {
            set "subject" "${1}${2}";
            vacation :days 1 :handle "batchload" :subject "${subject}" "${message}";
        } else {
            vacation :days 1 :handle "batchload" "${message}";
        }
    }
}
