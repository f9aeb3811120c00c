"""Where we differ from the official SDK on purpose: case -> why. The docs show this table; a test keeps it true.

A case that is listed here must differ; one that is not must not.
"""

DIFFERENCES: dict[str, str] = {
    # keys, exceptions, what there is
    "an_empty_key_deletes": "An empty key is a missing one, in every call; the official module takes the global key in "
    "its place, and deletes every sample of that project.",
    "a_key_in_quotes": "Quotes, blanks and marks around a key are taken off; the service refuses it with them.",
    "a_key_that_cannot_be_one": "What is no key at all is an InvalidApiKeyException (a ValueError), before anything is "
    "sent; the official module sends it.",
    "the_text_of_an_exception": "Texts are plain sentences; the official ones stand between rulers.",
    "the_rest_of_the_official_package": "Models, impulses, tuner, jobs and sockets are not here: eisync replaces the "
    "data functions, and both packages may be installed side by side.",
    # how uploads travel
    "a_service_that_is_busy_for_a_moment": "A request that the service did not take (429, 503) is sent again; the "
    "official module gives up.",
    "how_long_an_answer_is_waited_for": "A request ends after 60 s (10 s for the connection) unless `timeout_sec` says "
    "otherwise; the official module waits for ever.",
    "a_file_of_a_hundred_megabytes": "A file that the service refuses for its size is a failure before it is read; the "
    "official module reads and sends it.",
    "a_redirect": "A redirect is not followed, because that would hand over the key.",
    "many_samples_of_one_kind": "Samples that agree share a request; the official module sends one for each.",
    "how_many_files_are_open": "A file is open only while it is read; the official module opens a whole batch (1024).",
    "the_stream_of_an_uploaded_file": "The data of an uploaded file can be read again; the official module closes it.",
    "where_progress_is_drawn": "Progress is drawn on stderr; the official module prints it among the results, on "
    "stdout.",
    "a_batch_of_no_size": "None is the usual size of a batch, as the parameter's type says; the official call ends "
    "with TypeError.",
    # uploads
    "something_that_is_no_sample": "What is no sample is a TypeError before anything is sent; the official call ends "
    "amid the upload.",
    "a_sample_without_data": "Data that is none is named; the service says `No files in this request`.",
    "an_empty_file_name": "An empty name is refused here; the service says `Invalid mimetype`.",
    "a_file_name_of_two_lines": "A name with a line end or another control character is refused here: the next tool "
    "that lists it would break.",
    "a_label_of_two_lines": "A label is percent-encoded, line ends, too; one with a line end ends the official call.",
    "a_label_with_blanks_around_it": "So is one that begins with a blank.",
    "metadata_that_is_nested": "Lists and mappings as values of metadata become JSON text, because the service takes "
    "texts.",
    "boxes_as_studio_shows_them": "Boxes may be given as Studio's documents have them; the official call ends.",
    "more_boxes_than_a_header_holds": "Boxes travel in a part of their own; in a header, as the official module sends "
    "them, only some hundred have room.",
    "ranges_of_numpy": "numpy's numbers are numbers in structured labels; the official module cannot write them as "
    "JSON.",
    "an_acquisition_of_numpy": "So they are in a `DataAcquisition`.",
    "the_label_zero": "The label `0` is a label; the official module drops it.",
    "a_label_that_is_not_latin": "Labels travel percent-encoded, as the service's other clients send them; one label "
    "beyond Latin-1 ends the official call, with all its results.",
    "a_label_with_a_percent_sign": "A label arrives as it was given; sent raw, `%25` arrives as `%`.",
    "a_sample_without_a_name": "Without a file name one is made up, with an extension that fits the data; the official "
    "module crashes.",
    "a_stream_that_was_read_before": "A stream that stands at its end is read from its beginning, and every stream is "
    "left where it stood; the official module uploads nothing then.",
    "one_stream_twice": "A stream can be uploaded again; the official module uploads nothing the second time.",
    "one_file_that_cannot_be_read": "Data that cannot be read fails its own sample; the official call ends with all "
    "its results lost.",
    "a_service_that_is_not_there": "A network error is tried again where that is safe, and then fails the samples "
    "it concerns; the official call ends with all its results lost.",
    "the_callers_sample_is_left_alone": "Of the caller's sample only `sample_id` is set; the official module turns "
    "boxes into text and sets the category.",
    "metadata_that_is_not_text": "Metadata values travel as text, numpy's included; the service refuses other JSON, "
    "and the official module cannot write numpy's.",
    "an_empty_directory": "An empty directory gives a response without samples; the official module gives None.",
    "every_extension_that_the_service_takes": "`.jpeg`, `.txt`, `.parquet` and upper-case extensions are uploaded too.",
    "a_dataset_inside_a_plain_directory": "`info.labels` is never uploaded as data; the service refuses it.",
    "boxes_beside_the_images": "`bounding_boxes.labels` beside the images is read.",
    "an_account_without_the_optional_keys": "Every key of an entry of `info.labels` but the path may be missing.",
    "an_unlabeled_file": "A file that was exported without a label has none afterwards; the official module lets the "
    "service infer one.",
    "a_map_of_labels": "`keyvalue-labels` travel as a label map; the official module sends them as structured labels.",
    "an_account_in_lines": "A very large `info.labels`, in JSON lines, is read.",
    "a_name_in_the_account": "A `name` of `info.labels` plus the extension of its file is the name that is "
    "sent, as the official uploader does it; the official module sends the long name of the exported file.",
    "a_name_in_another_unicode_form": "A file that `info.labels` names in another Unicode form is found, and "
    "labels are sent in one form (NFC); the official call ends.",
    "a_file_that_is_named_and_missing": "A file that `info.labels` names and that is not there is a failure in the "
    "response; the official call ends.",
    "a_file_outside_the_dataset": "A file outside the dataset's folder is not uploaded, whatever `info.labels` says.",
    # listing and deletion
    "a_name_that_is_a_part_of_others": "Names are compared whole; the service's filter finds parts of names, so that "
    "the official module deletes `wave.010` along with `wave.01`.",
    "a_name_with_an_ampersand": "Names and labels are percent-encoded; the official module asks for `a` where `a&b` is "
    "meant.",
    "an_empty_name_is_deleted": "An empty name is the name of no sample; the official module deletes every sample.",
    "a_key_for_every_category": "The key and the time limit of the call hold when no category is named; the official "
    "module uses the global key then.",
    "a_name_is_deleted_with_another_key": "Names are looked up and deleted in one project, that of the key; the "
    "official module looks in one and deletes in the other.",
    "an_unknown_category_is_deleted": "An unknown category is a ValueError here too, before anything is sent.",
    "the_order_of_the_listing": "A listing is newest first; the official order is by category, and that of its threads "
    "within one.",
    "a_listing_without_workers": "A listing needs no workers; the official call divides by their number.",
    "a_label_that_is_a_number_is_looked_for": "A number may be looked for as a label; the service refuses the official "
    "module's question.",
    "a_truth_as_an_id": "True and False are no ids; the official module takes them for 1 and 0.",
    # downloads
    "the_order_of_a_stream": "A stream of samples keeps the order of the ids; the official one has that in which "
    "answers come.",
    "a_sample_without_an_interval_comes_back": "A sample whose interval is 0 comes back as JSON; the official call "
    "ends with UnsupportedSampleType and loses the others.",
    "ids_of_numpy": "Ids may be numpy's whole numbers.",
    # arrays
    "an_array_as_a_sample": "An array is a time series; the official module takes lists only, its documentation "
    "arrays.",
    "the_label_zero_of_an_array": "The label `0` is a label; the official module drops it.",
    "a_hole_in_an_array": "NaN and infinity are named before anything is sent; JSON has no such numbers, and the "
    "service refuses the file.",
    "metadata_of_numpy": "numpy's numbers are metadata; the official module cannot write them as JSON.",
    # frames
    "a_time_span_finer_than_a_second": "A time span as index keeps its fractions; the official module keeps whole "
    "seconds, and every row is at 0.",
    "a_time_span_of_days": "A time span as index keeps its days; the official module drops them, and every row is at "
    "0.",
    "an_index_of_dates": "Dates as index become milliseconds from the first; the official module sends texts, and the "
    "service refuses them.",
    "an_index_that_does_not_increase": "An index that does not increase is refused, as the official text says and its "
    "code does not.",
    "a_rate_below_a_millisecond": "A rate keeps its fractions; cut off, 0.5 ms puts every row at 0.",
    "a_frame_is_used_twice": "The caller's frame is not changed; the official module resets its index.",
    "labels_by_row_of_chosen_columns": "`label_col` need not be one of `axis_columns`; the official module looks for "
    "it there.",
    "labels_by_row_that_are_numbers": "Numbers are labels; the official module cannot write numpy's as JSON.",
    "the_label_column_of_one_row": "The label column of a single row is its label, not a value.",
    "a_feature_that_is_not_there": "A missing column is a ValueError that names it, everywhere.",
    "a_label_column_that_is_misspelt": "So is a missing column of labels; the official module uploads without labels.",
    "the_label_zero_of_a_row": "The label `0` is a label; the official module drops it.",
    "metadata_that_is_missing_in_a_row": "A missing cell is no metadata; the official module writes `nan` or `None`.",
    "a_category_that_is_missing_in_a_row": "A missing category is `split`; the official module asks for the category "
    "`nan`.",
    "wide_rows_with_named_columns_between": "Columns named for label, category and metadata are no data of a wide row.",
    "wide_rows_with_a_length": "`data_col_length` holds for one axis too; the official module takes no notice of it.",
    "wide_rows_of_one_column": "One column of data has its name for a heading; the number of the row, there, is "
    "refused by the service.",
    "timestamps_between_milliseconds": "Timestamps are rounded to a microsecond; cut off, 0.57 s is 569 ms.",
    "a_grouped_frame_is_used_twice": "The caller's frame is not changed; the official module leaves milliseconds and "
    "other names in it.",
    "group_metadata_of_numpy": "numpy's numbers are metadata; the official module cannot write them as JSON.",
    "a_feature_called_timestamp": "A feature may be called `timestamp`, and is sent as `timestamp_1`; the official "
    "module fails.",
    "rows_of_no_group": "Rows without a group are named; the official module uploads an empty file for them.",
    "columns_of_several_levels": "Columns of several levels are uploaded by their whole names; the service refuses the "
    "official module's several lines of headings.",
    "a_frame_of_polars": "Frames of polars are frames, too.",
    "one_name_of_metadata": "One text is one name of a column, everywhere; the official module takes its letters for "
    "names.",
    "one_name_of_a_feature_of_groups": "So it is for the features of groups.",
    "an_axis_that_is_there_twice": "An axis that is there twice is a ValueError that names it; the service refuses the "
    "official module's file.",
    # helpers
    "ranges_of_labels_that_are_numbers": "Labels of ranges are Python's numbers; numpy's, as the official helper "
    "returns them, cannot be written as JSON.",
    "ranges_with_a_row_without_a_label": "A row without a label is named; the official helper makes it a range of the "
    "label NaN.",
    "ranges_of_no_rows": "No rows have no ranges; the official helper ends with IndexError.",
}
