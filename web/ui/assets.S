/* The files of the page as build.mjs left them; ui.c gives them their names. The folder is on the include path. */
    .section .rodata

    .macro asset name, file
    .global ui_\name
    .global ui_\name\()_end
    .hidden ui_\name
    .hidden ui_\name\()_end
ui_\name:
    .incbin "\file"
ui_\name\()_end:
    .endm

    asset index, "index.html.gz"
    asset script, "app.js.gz"
    asset style, "app.css.gz"
    asset icon, "icon.svg.gz"

    .section .note.GNU-stack, "", %progbits
