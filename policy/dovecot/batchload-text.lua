-- SPDX-License-Identifier: MIT
-- The last of the userdbs; see batchload-dovecot.conf. What the directory has as text for automatic
-- answers becomes what batchload-reply.sieve can send.

local LINE = 900 -- bytes of a line of the message at most; mail servers break it anywhere after 998

-- Where to break a line that is too long: behind a blank, else between two characters of UTF-8.
local function break_after(line)
    local blank = line:sub(1, LINE):match("^.*() ")
    if blank and blank > 1 then
        return blank
    end
    local last = LINE
    while last > LINE - 4 and (line:byte(last + 1) & 0xC0) == 0x80 do
        last = last - 1
    end
    return last
end

local function broken(text)
    local lines = {}
    for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch("(.-)\n") do
        while #line > LINE do
            local last = break_after(line)
            table.insert(lines, line:sub(1, last))
            line = line:sub(last + 1)
        end
        table.insert(lines, line)
    end
    return table.concat(lines, "\n")
end

-- Dovecot expands %-variables in all that a userdb gives to the mail processes: a mailbox whose
-- text says "100 %" could not be opened, nor get mail.
local function literal(text)
    return (text:gsub("%%", "%%%%"))
end

function auth_userdb_lookup(request)
    local fields = {}
    local subject = request.userdb.sieve_env_batchload_subject
    local message = request.userdb.sieve_env_batchload_message
    if subject then
        fields.sieve_env_batchload_subject = literal((subject:gsub("%c+", " ")))
    end
    if message then
        fields.sieve_env_batchload_message = literal(broken(message))
    end
    return dovecot.auth.USERDB_RESULT_OK, fields
end
