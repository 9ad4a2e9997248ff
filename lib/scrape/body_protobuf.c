#include "lib/expose/protobuf.h"

#include "lib/base/hash.h"
#include "lib/scrape/body_inside.h"

static void note_text(struct body *body, struct span text) {
    body->metadata_hash = hash_mix(body->metadata_hash, hash_bytes(text.ptr, text.len));
}

static int read_metrics(struct body *body, struct expose_family *family, struct err *err) {
    struct expose_metric metric;
    int more;
    while ((more = expose_family_metric(family, &body->work, &metric, err)) == 1) {
        int rc = body_add_metric(body, &metric, err);
        body_tidy(body);
        if (rc)
            return err_wrap(err, rc, "metric family \"%.*s\"",
                            (int)(family->name.len < 80 ? family->name.len : 80), family->name.ptr);
    }
    return more;
}

int body_read_families(struct body *body, struct span text, struct err *err) {
    struct expose_families families;
    struct expose_family family;
    int more, rc = 0;
    expose_families_init(&families, text);
    while (!rc && (more = expose_family_next(&families, &family, err)) != 0) {
        if (more < 0) return more;
        body->said = (struct body_said){family.type, family.name, family.unit, family.name};
        note_text(body, family.name);
        note_text(body, family.help);
        note_text(body, family.unit);
        body->metadata_hash = hash_mix(body->metadata_hash, family.type);
        rc = read_metrics(body, &family, err);
    }
    return rc;
}
