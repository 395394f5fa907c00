# Pictures of one frame that are larger (or smaller) than the window. DS9 draws them a piece at a time, each as large as the
# frame is on the screen, with zoom and pan of the piece; the view of before is back when this returns.

# Pieces of a picture of width x height pixels that shows what the frame shows, from the piece with a number on, one after
# the other (from the left, then from the top), until some milliseconds have passed; they are written to a file, each as a
# PPM. Return the number of pieces, the size of each, and the words for the view. In the picture is neither the
# crosshair nor the frame's highlight.
proc ::mtv::picture_pieces {number width height first most_ms path} {
    set which [frame $number]
    package require img::window
    set file [open $path {WRONLY CREAT TRUNC BINARY}]
    variable busy 1
    variable boxes {}
    quiet
    set hidden [frames::borrow $number]
    set front $::current(frame)
    events::known
    set hand::front $front
    set canvas $::ds9(canvas)
    lassign [size_of $which] across down
    set left [expr {int([$canvas itemcget $which -x])}]
    set top [expr {int([$canvas itemcget $which -y])}]
    set factor [expr {min(double($width) / $across, double($height) / $down)}]
    set centre [$which get cursor image fk5]
    set said [annotations::contents $which {label legend limits scale_bar compass} $left $top $across $down $factor]
    set view [list [$which get zoom] $centre [$which get rotate] [$which get orient] [size_of $which]]
    set places {}
    set columns [expr {($width + $across - 1) / $across}]
    set rows [expr {($height + $down - 1) / $down}]
    for {set row 0} {$row < $rows} {incr row} {
        for {set column 0} {$column < $columns} {incr column} {
            set right [expr {$column * $across + ($across - $width) / 2.}]
            lappend places [list $right [expr {$row * $down + ($down - $height) / 2.}]]
        }
    }
    $which zoom $factor $factor
    kept::follow
    # else the first pan by screen pixels would still be one at the zoom of before
    $which center
    set code [catch {
        set end [expr {[clock milliseconds] + $most_ms}]
        $which highlite off
        $which crosshair off
        for {set next $first} {$next < [llength $places]} {incr next} {
            if {$next > $first && [clock milliseconds] >= $end} break
            $which pan to image fk5 {*}$centre
            $which pan {*}[lindex $places $next]
            set begun_x [expr {$left - $next % $columns * $across}]
            set begun_y [expr {$top - $next / $columns * $down}]
            annotations::place $which $said $begun_x $begun_y $width $height
            update idletasks
            winfo pointerxy .
            set photo [image create photo -format window -data $canvas]
            set box [list $left $top [expr {$left + $across}] [expr {$top + $down}]]
            puts -nonewline $file [$photo data -format ppm -from {*}$box]
            image delete $photo
        }
    } message]
    catch {image delete $photo}
    catch {close $file}
    $which zoom [expr {1. / $factor}] [expr {1. / $factor}]
    $which pan to image fk5 {*}$centre
    kept::follow
    annotations::place $which $said $left $top $across $down
    annotations::touch $which
    annotations::end
    if {$::current(mode) eq {crosshair}} {$which crosshair on}
    if {$::ds9(display) eq {tile} && $which eq $front} {$which highlite on}
    frames::give_back $hidden
    events::known
    set hand::front $::current(frame)
    set busy 0
    if {$code == 0 && $::ds9(msg) ne {}} {set code 1; set message $::ds9(msg)}
    quiet
    if {$code} {error $message}
    return [list [expr {$next - $first}] $across $down $view]
}
